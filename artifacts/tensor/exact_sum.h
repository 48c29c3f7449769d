// The sum of finite binary32 values as an exact integer, whatever their order and size: what `mean`
// falls back to where sums of doubles are not exact.
#pragma once

#include <array>
#include <cstdint>

namespace repro::artifacts {

class ExactSum {
 public:
  // Up to 2^32 finite values.
  void add(float value);
  // The sum divided by `count` (1 ... 2^32), rounded once to nearest, ties to even; subnormal
  // numbers are kept. +0 for a sum of 0; a negative one that rounds to zero gives -0. Infinity
  // where it overflows: never for the mean of `count` values.
  float over(std::uint64_t count) const;

 private:
  // In units of 2^-149, the smallest subnormal, least significant limb first, two's complement.
  // A value needs 277 bits, 2^32 of them 309.
  std::array<std::uint64_t, 5> limbs_{};
};

}  // namespace repro::artifacts
