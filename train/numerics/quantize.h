// Quantisation with a shared exponent: q15, q29, q31 and the exact sum sum31 (docs/arithmetic.md,
// "Quantisation"). Element helpers only; loops over rows are in train/kernels/generic.
//
// All take finite values. `E` is an exponent in the sense of the text; digits of q15 are |q| <=
// 16383.
#pragma once

#include <cstdint>
#include <span>

#include "train/numerics/float_bits.h"

namespace repro::train {

// The exponent of an empty (all-zero) vector; it never enters a maximum. The same value as in
// gemm.h.
inline constexpr std::int32_t kNoExponent = INT32_MIN;

// The exponent of a product of two vectors: none where one is empty.
REPRO_HD std::int32_t add_exponents(std::int32_t a, std::int32_t b) {
  return a == kNoExponent || b == kNoExponent ? kNoExponent : a + b;
}

// floor(log2 |x|), the exponent of q31.
REPRO_HD std::int32_t exponent31(float x) { return exponent_floor(x); }

// ex(x): floor(log2 |x|), plus 1 where x * 2^(13 - floor) rounds to 2^14. x not 0 (else some value
// below -200).
REPRO_HD std::int32_t exponent15(float x) {
  // Adding half a unit of the 14-bit digit carries into the exponent field exactly in that case: a
  // tie goes up because the digit below it is odd.
  constexpr std::uint32_t kHalfDigit = 1U << 9;
  const std::uint32_t bits = abs_bits(x);
  const std::uint32_t scaled = to_bits(from_bits(bits) * 0x1p64F);  // normal where x is subnormal
  const bool subnormal = bits < 0x00800000U;
  const std::uint32_t used = (subnormal ? scaled : bits) + kHalfDigit;
  return static_cast<std::int32_t>(used >> 23) - (subnormal ? 127 + 64 : 127) -
         (bits == 0 ? 23 : 0);
}

// 2^shift as two binary32 factors, so that x * first * second is the exact x * 2^shift wherever
// that is 2^-126 or more; below, it is too small to matter to any digit. Shifts beyond +-252 act as
// +-252: a digit's shift is at most 13 + 149, and 2^128 * 2^-252 rounds to a zero digit.
struct SplitScale {
  float first = 1;
  float second = 1;
};
REPRO_HD SplitScale split_scale(std::int32_t shift) {
  const std::int32_t clamped = smaller(larger(shift, -252), 252);
  const std::int32_t half = clamped >> 1;
  return {power_of_two32(half), power_of_two32(clamped - half)};
}

// dotB counts its blocks in 2^(U - 38), a product of digits in 2^(e - 26): what the bound U adds to
// the exponents of a block's sums. 0 for no bound: the sums are 0 then.
REPRO_HD std::int32_t block_shift(std::int32_t bound) {
  return bound == kNoExponent ? 0 : 12 - bound;
}

// U of a row of the logits' gradient: `bound` is the row's |w (1 + z2)|, `max_weight` the largest
// exponent of the head's weights. kNoExponent where either is empty.
REPRO_HD std::int32_t logit_bound(float bound, std::int32_t max_weight) {
  const bool empty = bound == 0 || max_weight == kNoExponent;
  return empty ? kNoExponent : exponent15(bound) + max_weight;
}

// x * 2^(13 - E + e), before rounding to a digit.
REPRO_HD float scaled_to_digit(float x, const SplitScale& scale) {
  return x * scale.first * scale.second;
}

// q = rne(scaled): the digit of q15.
REPRO_HD std::int32_t digit15(float scaled) { return round_small32(scaled); }

// lo = rne((scaled - q) * 2^14): the second digit of q29. The difference is exact.
REPRO_HD std::int32_t second_digit(float scaled, std::int32_t q) {
  return round_small32((scaled - static_cast<float>(q)) * 0x1p14F);
}

// q of q31: rne(x * 2^(29 - E)); `scale` is power_of_two(29 - E). |q| <= 2^30.
REPRO_HD std::int64_t digit31(float x, double scale) {
  return round_small(static_cast<double>(x) * scale);
}

// How a vector is summed by sum31, from the bits of its largest |x|: empty, with a scale, or not
// finite (the sum is then the canonical NaN, which stops the step).
struct Sum31Scale {
  std::int32_t exponent = 0;
  double scale = 0;  // 2^(29 - E); 0 makes every digit 0
  bool finite = true;

  REPRO_HD explicit Sum31Scale(std::uint32_t max_bits)
      : exponent(max_bits == 0 ? 0 : exponent31(from_bits(max_bits))),
        scale(max_bits == 0 ? 0.0 : power_of_two(29 - exponent)),
        finite(is_finite_bits(max_bits)) {}

  REPRO_HD float value(std::int64_t digits) const {
    return finite ? rne32_scaled(digits, exponent - 29) : from_bits(kCanonicalNan);
  }
};

// sum31(x): at most 2^32 elements.
inline float sum31(std::span<const float> x) {
  std::uint32_t max_bits = 0;
  for (float value : x) max_bits = larger(max_bits, abs_bits(value));
  const Sum31Scale scale(max_bits);
  if (!scale.finite) return from_bits(kCanonicalNan);
  std::int64_t sum = 0;
  for (float value : x) sum += digit31(value, scale.scale);
  return scale.value(sum);
}

// rne(x * 2^unit): a gradient term in units of 2^-unit. The caller compares it with the recipe's
// limit; terms beyond int64 saturate and so always reach it.
REPRO_HD std::int64_t gradient_units(float x, int unit) {
  return rne_scaled(static_cast<double>(x), unit);
}

}  // namespace repro::train
