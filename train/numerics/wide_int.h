// Sums of squares of int64 as exact 192-bit unsigned integers, little-endian 64-bit limbs
// (docs/arithmetic.md, "The optimiser"). Room for 2^66 squares.
#pragma once

#include <cstdint>

#include "train/numerics/float_bits.h"

namespace repro::train {

// limb += v * v.
REPRO_HD void add_square192(std::uint64_t limb[3], std::int64_t v) {
  const std::uint64_t sign = static_cast<std::uint64_t>(v >> 63);
  const std::uint64_t size = (static_cast<std::uint64_t>(v) ^ sign) - sign;
  const unsigned __int128 square = static_cast<unsigned __int128>(size) * size;
  const unsigned __int128 low =
      ((static_cast<unsigned __int128>(limb[1]) << 64) | limb[0]) + square;
  limb[0] = static_cast<std::uint64_t>(low);
  limb[1] = static_cast<std::uint64_t>(low >> 64);
  limb[2] += low < square ? 1 : 0;
}

// total += part.
REPRO_HD void add192(std::uint64_t total[3], const std::uint64_t part[3]) {
  unsigned __int128 carry = 0;
  for (int i = 0; i < 3; ++i) {
    carry += static_cast<unsigned __int128>(total[i]) + part[i];
    total[i] = static_cast<std::uint64_t>(carry);
    carry >>= 64;
  }
}

// rn64(limb): one rounding of the exact integer to binary64, ties to even.
REPRO_HD double sum192_to_double(const std::uint64_t limb[3]) {
  int top = 2;
  while (top > 0 && limb[top] == 0) --top;
  if (limb[top] == 0) return 0;
  // The leading 64 bits, aligned, with everything below folded into the last one: 11 spare bits
  // keep that sticky bit away from the rounding position.
  const int zeros = __builtin_clzll(limb[top]);
  const std::uint64_t next = top > 0 ? limb[top - 1] : 0;
  std::uint64_t lead = limb[top] << zeros;
  if (zeros > 0) lead |= next >> (64 - zeros);
  bool rest = zeros > 0 ? (next << zeros) != 0 : next != 0;
  for (int i = 0; i + 1 < top; ++i) rest = rest || limb[i] != 0;
  if (rest) lead |= 1;
  // Keep 63 bits so that the conversion is that of a signed integer.
  const std::int64_t half = static_cast<std::int64_t>((lead >> 1) | (lead & 1));
  return static_cast<double>(half) * power_of_two(64 * top - zeros + 1);
}

// sqrt(rn64(limb)), correctly rounded.
REPRO_HD double sqrt192(const std::uint64_t limb[3]) { return sqrt64(sum192_to_double(limb)); }

}  // namespace repro::train
