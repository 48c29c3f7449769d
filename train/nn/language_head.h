// The vocabulary: logits, cross-entropy with z-loss, and their gradients (docs/arithmetic.md,
// "Logits' gradient"). The gradient of the logits is peaked, so it is never quantised as one
// vector: the target's share is added apart, the rest is contracted in blocks of 1024 entries with
// two digits. Legend: R rows, D model width, V vocabulary.
#pragma once

#include <cstdint>
#include <span>

#include "train/nn/linear.h"

namespace repro::train {

inline constexpr std::int64_t kVocabBlock = 1024;  // B of dotB over the vocabulary

// A row's label; rows without one (the last of an instance) have `kNoTarget`.
inline constexpr std::int32_t kNoTarget = -1;

// Exact sums in units of 2^-30 nats (docs/arithmetic.md, "Logged sums").
struct LossSums {
  std::int64_t targets = 0;
  std::int64_t cross_entropy = 0;
  std::int64_t z_loss = 0;
  std::int64_t correct = 0;

  LossSums& operator+=(const LossSums& other);
};

struct HeadScratch {
  Buffer<float> logits;          // one group's rows: logits, then B
  Buffer<float> target_factors;  // a
  Buffer<float> bounds;          // |w (1 + z2)|
  Buffer<std::int16_t> columns;
  Buffer<std::int32_t> column_exponents;
  Buffer<float> hat;
};

// Forward only: the sums over the rows that have a target.
LossSums head_loss(const Context& context, const Quantized& x, const Quantized& w, float z_loss,
                   std::span<const std::int32_t> targets, HeadScratch& scratch);

// Forward and backward of the loss summed over targets: dx [R, D] is overwritten (zero where there
// is no target), sink [V, D] is added to, group by group.
LossSums head_loss_backward(const Context& context, const Quantized& x, const Quantized& w,
                            float z_loss, std::span<const std::int32_t> targets,
                            std::span<const RowRange> groups, float* dx, const GradientSink& sink,
                            HeadScratch& scratch);

}  // namespace repro::train
