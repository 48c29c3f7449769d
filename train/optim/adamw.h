// The exact optimiser step: gradient norm as an exact integer, clipping, AdamW (docs/arithmetic.md,
// "Gradients and the optimiser").
#pragma once

#include <cstdint>

#include "train/nn/context.h"
#include "train/nn/parameters.h"
#include "train/optim/update_constants.h"

namespace repro::train {

// The norm of G * 2^-unit / N over all elements: sqrt(rn64(sum of G^2)) * 2^-unit / N.
double gradient_norm(const Context& context, const Parameters& parameters, std::int64_t unit,
                     std::int64_t normalizer);

// The same from the sum of G^2.
double norm_of_squares(const Sum192& squares, std::int64_t unit, std::int64_t normalizer);

// What gradients are multiplied with: 1 without a limit (0).
float clip_factor(double norm, double limit);

// Whether the recipe decays this tensor.
bool decays(const UpdateConstants& constants, manifests::TensorRole role);

// Of a tensor: everything but where it lies.
AdamwArgs adamw_args(std::int64_t unit, const UpdateConstants& constants, float clip,
                     manifests::TensorRole role);

// Clips by the norm and updates weights and moments in place; refuses a non-finite weight, naming
// it.
void exact_adamw(const Context& context, std::int64_t unit, const UpdateConstants& constants,
                 double norm, Parameters& parameters);

}  // namespace repro::train
