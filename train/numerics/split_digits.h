// Digits of q15 as pairs of int8, for machines that multiply int8 (IMMA on NVIDIA, AMX tiles), and
// the way back from three int32 sums to the exact S (docs/arithmetic.md, "dot15").
//
//   q = 256 * h + l, h in [-64, 64], l in [-128, 127]
//   S = 65536 * sum(h h') + 256 * sum(h l' + l h') + sum(l l')
#pragma once

#include <cstdint>

#include "train/numerics/host_device.h"

namespace repro::train {

struct SplitDigit {
  std::int8_t high = 0;
  std::int8_t low = 0;
};

// |q| <= 16383.
REPRO_HD SplitDigit split_digit(std::int16_t q) {
  const std::int32_t high = (q + 128) >> 8;
  return {static_cast<std::int8_t>(high), static_cast<std::int8_t>(q - 256 * high)};
}

// Of so many digits each of the three sums stays within 2^30, so within an int32: a product of
// lows is at most 2^14 in size, the two of a high and a low together as much.
inline constexpr std::int64_t kSplitDepth = 65536;

REPRO_HD std::int64_t join_sums(std::int32_t high, std::int32_t cross, std::int32_t low) {
  return std::int64_t{65536} * high + std::int64_t{256} * cross + low;
}

}  // namespace repro::train
