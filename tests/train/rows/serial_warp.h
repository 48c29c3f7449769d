// A warp of one lane, by default a whole launch, for tests of what a program computes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "train/kernels/generic/lanes.h"

namespace repro::train {

// Satisfies the contract of train/kernels/cuda/row_programs.h.
class SerialWarp : public SingleLane {
 public:
  explicit SerialWarp(std::int64_t warp = 0, std::int64_t warps = 1) : warp_(warp), warps_(warps) {}
  std::int64_t warp() const { return warp_; }
  std::int64_t warps() const { return warps_; }
  static void lower(std::int64_t* least, std::int64_t value) { *least = std::min(*least, value); }
  static void raise(std::int32_t* most, std::int32_t value) { *most = std::max(*most, value); }

 private:
  std::int64_t warp_;
  std::int64_t warps_;
};

}  // namespace repro::train
