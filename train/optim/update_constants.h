// Binary32 constants of one optimiser step (docs/arithmetic.md, "AdamW").
#pragma once

#include <cstdint>

namespace repro::train {

struct UpdateConstants {
  std::int64_t step = 0;  // 1-based update number
  float learning_rate = 0;
  float decay = 0;  // lr * weight_decay, rounded once
  float beta1 = 0, one_minus_beta1 = 0;
  float beta2 = 0, one_minus_beta2 = 0;
  float correction1 = 0, correction2 = 0;
  float epsilon = 0;
  double clip_norm = 0;         // 0: no clipping
  std::int64_t normalizer = 1;  // N: loss_divisor (schedule.h)
  bool decay_embeddings = false;
  bool decay_norms = true;
};

}  // namespace repro::train
