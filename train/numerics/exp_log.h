// The parts of exp and log that the functions are made of (functions.h; docs/arithmetic.md,
// "Functions"). The program is the specification: see functions.h for the rules.
#pragma once

#include <cstdint>

#include "train/numerics/float_bits.h"

namespace repro::train::detail {

// x * 2^k with one rounding, where x * 2^floor(k/2) is exact; k in [-252, 254].
REPRO_HD float scaled32(float x, std::int32_t k) {
  const std::int32_t half = k >> 1;
  return x * power_of_two32(half) * power_of_two32(k - half);
}

// e^(x + low) for |low| small beside 1 ulp of x; x not NaN.
REPRO_HD float exp_with_low(float x, float low) {
  // e^-104 rounds to 0 and e^89 to infinity.
  const float bounded = larger(smaller(x, 89.0F), -104.0F);
  const float shifted = fma32(bounded, 0x1.715476p+0F, kIntegerMagic32);  // 1 / ln 2
  const float n = shifted - kIntegerMagic32;
  float r = fma32(n, -0x1.62e43p-1F, bounded);  // ln 2 in two parts; exact
  r = fma32(n, 0x1.05c61p-29F, r) + low;
  float p = 0x1.6a496ap-10F;
  p = fma32(p, r, 0x1.1239ap-7F);
  p = fma32(p, r, 0x1.5558b4p-5F);
  p = fma32(p, r, 0x1.555492p-3F);
  p = fma32(p, r, 0x1.fffffcp-2F);
  p = fma32(p, r, 1.0F);
  p = fma32(p, r, 1.0F);
  return scaled32(p, static_cast<std::int32_t>(to_bits(shifted) - to_bits(kIntegerMagic32)));
}

// e^(x + low) = (1 + more) * 2^k with |more| < 0.42, for a product that rounds once at its end.
struct ExpParts {
  float more;
  std::int32_t k;
};
// x in [-120, 0], |low| small beside 1 ulp of x.
REPRO_HD ExpParts exp_parts(float x, float low) {
  const float shifted = fma32(x, 0x1.715476p+0F, kIntegerMagic32);
  const float n = shifted - kIntegerMagic32;
  const float high = fma32(n, -0x1.62e43p-1F, x);
  const float rest = fma32(n, 0x1.05c61p-29F, low);
  const float r = high + rest;
  const float lost = (high - r) + rest;
  float p = 0x1.6d4e78p-10F;
  p = fma32(p, r, 0x1.120c38p-7F);
  p = fma32(p, r, 0x1.5554e8p-5F);
  p = fma32(p, r, 0x1.5554dcp-3F);
  p = fma32(p, r, 0.5F);
  const float more = r + fma32(r * r, p, lost);
  return {more, static_cast<std::int32_t>(to_bits(shifted) - to_bits(kIntegerMagic32))};
}

// ln of 2^-shift times the positive normal number of these bits, as y + low. Callers that need y
// alone cost nothing for low.
struct LogParts {
  float y;
  float low;
};
REPRO_HD LogParts log_parts(std::uint32_t bits, std::int32_t shift) {
  // m in [sqrt(1/2), sqrt(2)): 0x3F3504F3 are the bits of sqrt(1/2).
  const std::int32_t exponent = static_cast<std::int32_t>(bits - 0x3F3504F3U) >> 23;
  const float f = from_bits(bits - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0F;
  const float k = static_cast<float>(exponent - shift);
  const float z = f * f;
  float p = 0x1.148134p-4F;
  p = fma32(p, f, -0x1.de0decp-4F);
  p = fma32(p, f, 0x1.e6c0cp-4F);
  p = fma32(p, f, -0x1.fc2708p-4F);
  p = fma32(p, f, 0x1.233b76p-3F);
  p = fma32(p, f, -0x1.555c4cp-3F);
  p = fma32(p, f, 0x1.99a478p-3F);
  p = fma32(p, f, -0x1.000006p-2F);
  p = fma32(p, f, 0x1.555548p-2F);
  float tail = fma32(k, -0x1.05c61p-29F, (z * f) * p);  // ln 2 in two parts
  tail = f + fma32(-0.5F, z, tail);
  const float y = fma32(k, 0x1.62e43p-1F, tail);
  return {y, tail - fma32(-k, 0x1.62e43p-1F, y)};
}

REPRO_HD float nan_if(bool condition, float value) {
  return condition ? from_bits(kCanonicalNan) : value;
}

REPRO_HD float with_sign_of(float size, float x) {
  return from_bits(abs_bits(size) | (to_bits(x) & 0x80000000U));
}

}  // namespace repro::train::detail
