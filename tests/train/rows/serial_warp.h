// A whole launch as one lane, for tests of what a program computes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "train/kernels/generic/lanes.h"

namespace repro::train {

// Satisfies the contract of train/kernels/cuda/row_programs.h.
struct SerialWarp : SingleLane {
  static constexpr std::int64_t warp() { return 0; }
  static constexpr std::int64_t warps() { return 1; }
  static void lower(std::int64_t* least, std::int64_t value) { *least = std::min(*least, value); }
  static void raise(std::int32_t* most, std::int32_t value) { *most = std::max(*most, value); }
};

}  // namespace repro::train
