// Learning-rate schedules and the constants of an update: fixed binary64 programs
// (docs/arithmetic.md, "Schedules"). Update numbers are 1-based; update t of `steps`.
#pragma once

#include <cstdint>

#include "manifests/config.h"
#include "train/optim/update_constants.h"

namespace repro::train {

// binary64 learning rate of update `update` (>= 1), which is step = max(update - schedule.start, 1)
// of the schedule. Past `train.steps` it stays at its last value.
//   warm-up:  peak * step / warmup                      for step < warmup
//   cosine:   end + (peak - end) * (1 + cos(pi * x)) / 2,  x = (step - warmup) / (steps - warmup)
//   olmo_cosine: the same over tokens, in another order of operations
//   linear:   peak - (peak - end) * x;   constant: peak;   end = peak * final_fraction
double learning_rate(const manifests::Config& config, std::int64_t update);

// N, what a step's loss and gradient are divided by (loss.denominator): its targets, at least one;
// or all its positions.
std::int64_t loss_divisor(const manifests::Config& config, std::int64_t targets);

// All binary32 constants of an update; `normalizer` is N. `skipped` updates before it were left out
// and are not counted by the bias correction.
UpdateConstants update_constants(const manifests::Config& config, std::int64_t step,
                                 std::int64_t normalizer, std::int64_t skipped = 0);

}  // namespace repro::train
