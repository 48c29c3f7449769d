// Who works on a row. The row functors of this folder are written once for a group of lanes; lane
// `first` takes elements first, first + stride, ... and the group reduces exactly, so the number of
// lanes cannot change a bit.
//
//   std::int64_t first(), stride()
//   std::int64_t sum(std::int64_t)    over the lanes, given to all of them
//   std::int32_t max(std::int32_t)    over the lanes, given to all of them
//   add(std::int64_t* total, std::int64_t value)    *total += value, for a total that other groups
//                                                   may be adding to at the same time
//
// Every lane of a group calls the functor with the same arguments. A lane reads in a later pass
// only elements that it wrote itself.
#pragma once

#include <cstdint>

#include "train/numerics/float_bits.h"

namespace repro::train {

// One CPU thread: the loops are plain and the compiler vectorises them.
struct SingleLane {
  static constexpr std::int64_t first() { return 0; }
  static constexpr std::int64_t stride() { return 1; }
  static constexpr std::int64_t sum(std::int64_t value) { return value; }
  static constexpr std::int32_t max(std::int32_t value) { return value; }
  // Rows that share totals run one after another.
  static constexpr void add(std::int64_t* total, std::int64_t value) { *total += value; }
};

// The bits of max |x[i]|; at least kInfinityBits where an element is not finite. 0 for no elements.
template <class Lanes>
REPRO_HD std::uint32_t max_abs_bits(const Lanes& lanes, const float* x, std::int64_t count) {
  std::int32_t most = 0;
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    most = larger(most, static_cast<std::int32_t>(abs_bits(x[i])));
  }
  return static_cast<std::uint32_t>(lanes.max(most));
}

// The least of the lanes' indices; pass `none` for no index. Indices and `none` below 2^31.
template <class Lanes>
REPRO_HD std::int64_t min_index(const Lanes& lanes, std::int64_t index) {
  return -static_cast<std::int64_t>(lanes.max(static_cast<std::int32_t>(-index)));
}

}  // namespace repro::train
