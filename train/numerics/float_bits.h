// Bits, exponents and single roundings of binary32 and binary64 (docs/arithmetic.md, "Rounding").
// Everything is pure, branch-light and may be called from any thread; round to nearest even is the
// floating-point environment that all of it assumes.
#pragma once

#include <cstdint>

#include "train/numerics/host_device.h"

namespace repro::train {

REPRO_HD std::uint32_t to_bits(float x) { return __builtin_bit_cast(std::uint32_t, x); }
REPRO_HD float from_bits(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }
REPRO_HD std::uint64_t to_bits64(double x) { return __builtin_bit_cast(std::uint64_t, x); }
REPRO_HD double from_bits64(std::uint64_t bits) { return __builtin_bit_cast(double, bits); }

inline constexpr std::uint32_t kInfinityBits = 0x7F800000U;
inline constexpr std::uint32_t kCanonicalNan = 0x7FC00000U;  // the only NaN that functions return

REPRO_HD std::uint32_t abs_bits(float x) { return to_bits(x) & 0x7FFFFFFFU; }
REPRO_HD float abs32(float x) { return from_bits(abs_bits(x)); }
REPRO_HD bool is_finite_bits(std::uint32_t bits) { return (bits & kInfinityBits) != kInfinityBits; }

// floor(log2 |x|), subnormals included; x finite and not 0 (0 gives -214, infinity 128).
REPRO_HD std::int32_t exponent_floor(float x) {
  // 2^64 * subnormal is normal and exact.
  const std::uint32_t bits = abs_bits(x);
  const std::uint32_t scaled = to_bits(from_bits(bits) * 0x1p64F);
  const bool subnormal = bits < 0x00800000U;
  const std::uint32_t used = subnormal ? scaled : bits;
  return static_cast<std::int32_t>(used >> 23) - (subnormal ? 127 + 64 : 127) -
         (bits == 0 ? 23 : 0);
}

// 2^e, exact. e in [-1022, 1023]; other e are a programming error.
REPRO_HD double power_of_two(int e) {
  return from_bits64(static_cast<std::uint64_t>(static_cast<std::int64_t>(e) + 1023) << 52);
}
// 2^e, exact. e in [-126, 127].
REPRO_HD float power_of_two32(std::int32_t e) {
  return from_bits(static_cast<std::uint32_t>(e + 127) << 23);
}

// rne of |x| < 2^51 to an integer; the caller knows the range. Compiles to two adds, so it
// vectorises.
inline constexpr double kIntegerMagic = 0x1.8p52;
REPRO_HD std::int64_t round_small(double x) {
  return static_cast<std::int64_t>(to_bits64(x + kIntegerMagic) - to_bits64(kIntegerMagic));
}
// The same for binary32: |x| <= 2^22.
inline constexpr float kIntegerMagic32 = 0x1.8p23F;
REPRO_HD std::int32_t round_small32(float x) {
  return static_cast<std::int32_t>(to_bits(x + kIntegerMagic32) - to_bits(kIntegerMagic32));
}

// The integers nearest to x (ties to even) as a binary64; any finite x.
REPRO_HD double round_to_integer(double x) {
  const double magic = x < 0 ? -0x1p52 : 0x1p52;
  const double rounded = (x + magic) - magic;
  const double size = x < 0 ? -x : x;
  return size < 0x1p52 ? rounded : x;
}

// rne(x * 2^e) of the exact product, any e. Saturates at INT64_MAX / INT64_MIN; NaN gives
// INT64_MIN.
REPRO_HD std::int64_t rne_scaled(double x, int e) {
  // Beyond +-2200 every result is 0 or saturated. The order (down last) keeps the product exact or
  // tiny.
  const int clamped = smaller(larger(e, -2200), 2200);
  const int third = clamped / 3;
  const double y =
      x * power_of_two(clamped - 2 * third) * power_of_two(third) * power_of_two(third);
  const double rounded = round_to_integer(y);
  if (!(rounded >= -0x1p63)) return INT64_MIN;
  if (rounded >= 0x1p63) return INT64_MAX;
  return static_cast<std::int64_t>(rounded);
}

// An int64 made ready for one rounding to binary32: the nearest even binary64 could sit on a
// binary32 tie that the integer is not on, so low bits are first folded into one sticky bit (exact
// below 2^53).
REPRO_HD std::int64_t sticky_for_float(std::int64_t v) {
  const std::uint64_t bits = static_cast<std::uint64_t>(v);
  const std::uint64_t sign = static_cast<std::uint64_t>(v >> 63);
  const std::uint64_t size = (bits ^ sign) - sign;  // |v|, 2^63 included
  const std::uint64_t folded = (bits & ~std::uint64_t{0x7FF}) | ((bits & 0x7FF) != 0 ? 0x400 : 0);
  return static_cast<std::int64_t>(size < (std::uint64_t{1} << 53) ? bits : folded);
}

// v as a binary64, exact for every value of sticky_for_float; halves, so that it vectorises on
// AVX2.
REPRO_HD double exact_double(std::int64_t v) {
  // 2^84 + 2^63 + high * 2^32 and 2^52 + low, both exact; so is their difference from the constant.
  const std::uint64_t bits = static_cast<std::uint64_t>(v);
  const double high = from_bits64((bits >> 32) ^ 0x4530000080000000U);
  const double low = from_bits64((bits & 0xFFFFFFFFU) | 0x4330000000000000U);
  return (high - 0x1.00000801p84) + low;
}

// The binary64 factor 2^e for rne32_scaled: beyond these bounds every result is infinite or zero.
REPRO_HD double float_scale(int e) { return power_of_two(smaller(larger(e, -1000), 900)); }

// rne32(v * 2^e): one rounding, every v and e; subnormal results kept, overflow gives an infinity.
// v = 0 gives +0; a negative v whose product rounds to zero gives -0, as IEEE 754 rounding does.
REPRO_HD float rne32_scaled(std::int64_t v, int e) {
  return static_cast<float>(exact_double(sticky_for_float(v)) * float_scale(e));
}

// The same for an integer-valued |v| < 2^53 held in a binary64.
REPRO_HD float rne32_scaled(double v, int e) { return static_cast<float>(v * float_scale(e)); }

}  // namespace repro::train
