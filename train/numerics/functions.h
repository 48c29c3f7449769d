// exp, log, tanh, erf, sigmoid, silu, gelu and the normal map as fixed binary32 programs
// (docs/arithmetic.md, "Functions"). The program is the specification: no libm, fma only where
// written, selects instead of branches, so a loop over any of them vectorises and every build gives
// the same 2^32 bits.
//
// Subnormal arguments and results are kept. The only NaN returned is 0x7FC00000; NaN gives NaN.
// Accuracy (tests/train/numerics): exp32, log32, tanh32, erf32 and sigmoid32 within 2 ulp of the
// real value; normal32 within 2.5; gelu32 within 8; silu32 within 3 down to where its sigmoid is
// subnormal.
#pragma once

#include <cstdint>

#include "train/numerics/float_bits.h"

namespace repro::train {

namespace detail {

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
  // 2^k in two steps: the second rounds once where the result is subnormal, or overflows.
  const std::int32_t k = static_cast<std::int32_t>(to_bits(shifted) - to_bits(kIntegerMagic32));
  const std::int32_t half = k >> 1;
  return p * power_of_two32(half) * power_of_two32(k - half);
}

REPRO_HD float nan_if(bool condition, float value) {
  return condition ? from_bits(kCanonicalNan) : value;
}

REPRO_HD float with_sign_of(float size, float x) {
  return from_bits(abs_bits(size) | (to_bits(x) & 0x80000000U));
}

}  // namespace detail

// e^x. exp32(+-0) = 1, exp32(x) <= 1 for x < 0, exp32(-inf) = +0, exp32(inf) = inf.
REPRO_HD float exp32(float x) {
  const bool is_nan = x != x;
  return detail::nan_if(is_nan, detail::exp_with_low(is_nan ? 0.0F : x, 0.0F));
}

// ln x. log32(1) = +0, log32(+-0) = -inf, log32(inf) = inf, x < 0 gives NaN.
REPRO_HD float log32(float x) {
  const bool subnormal = x < 0x1p-126F;
  const std::uint32_t bits = to_bits(subnormal ? x * 0x1p23F : x);
  // m in [sqrt(1/2), sqrt(2)): 0x3F3504F3 are the bits of sqrt(1/2).
  const std::int32_t exponent = static_cast<std::int32_t>(bits - 0x3F3504F3U) >> 23;
  const float f = from_bits(bits - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0F;
  const float k = static_cast<float>(exponent - (subnormal ? 23 : 0));
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
  tail = fma32(-0.5F, z, tail);
  float y = fma32(k, 0x1.62e43p-1F, f + tail);
  y = to_bits(x) == kInfinityBits ? x : y;
  y = x == 0 ? -from_bits(kInfinityBits) : y;
  return detail::nan_if(!(x >= 0), y);
}

// tanh x; odd, +-1 at the infinities.
REPRO_HD float tanh32(float x) {
  const bool is_nan = x != x;
  const float size = is_nan ? 0.0F : abs32(x);
  const float z = size * size;
  float p = -0x1.75619ap-8F;
  p = fma32(p, z, 0x1.5207b8p-6F);
  p = fma32(p, z, -0x1.b83738p-5F);
  p = fma32(p, z, 0x1.1106fcp-3F);
  p = fma32(p, z, -0x1.555532p-2F);
  const float near = fma32(size * z, p, size);
  const float far = 1.0F - 2.0F / (detail::exp_with_low(size + size, 0.0F) + 1.0F);
  return detail::nan_if(is_nan, detail::with_sign_of(size < 0.625F ? near : far, x));
}

// erf x; odd, +-1 at the infinities.
REPRO_HD float erf32(float x) {
  const bool is_nan = x != x;
  const float size = is_nan ? 0.0F : smaller(abs32(x), 4.0F);
  const float z = size * size;
  float p = 0x1.4f3fdap-14F;
  p = fma32(p, z, -0x1.a60288p-11F);
  p = fma32(p, z, 0x1.5449a6p-8F);
  p = fma32(p, z, -0x1.b80116p-6F);
  p = fma32(p, z, 0x1.ce2d64p-4F);
  p = fma32(p, z, -0x1.81274p-2F);
  p = fma32(p, z, 0x1.06eba8p-3F);
  const float near = fma32(size, p, size);
  float q = 0x1.9a6886p-13F;  // ln erfc
  q = fma32(q, size, -0x1.8e93dap-9F);
  q = fma32(q, size, 0x1.6c0448p-6F);
  q = fma32(q, size, -0x1.a9a092p-4F);
  q = fma32(q, size, -0x1.463f86p-1F);
  q = fma32(q, size, -0x1.20ae88p+0F);
  q = fma32(q, size, -0x1.a0ad92p-13F);
  const float far = 1.0F - detail::exp_with_low(q, 0.0F);
  return detail::nan_if(is_nan, detail::with_sign_of(size < 0.921875F ? near : far, x));
}

// 1 / (1 + e^-x).
REPRO_HD float sigmoid32(float x) {
  const bool is_nan = x != x;
  const float e = detail::exp_with_low(is_nan ? 0.0F : -abs32(x), 0.0F);
  const float top = x < 0 ? e : 1.0F;
  const float sum = 1.0F + e;
  const float lost = e - (sum - 1.0F);  // 1 + e = sum + lost, exactly
  const float reciprocal = 1.0F / sum;
  const float y = top * reciprocal;
  const float rest = fma32(-y, lost, fma32(-y, sum, top));
  return detail::nan_if(is_nan, fma32(rest, reciprocal, y));
}

// x * sigmoid32(x); -inf gives NaN.
REPRO_HD float silu32(float x) {
  const float y = x * sigmoid32(x);
  return detail::nan_if(y != y, y);
}

// The standard normal's quantile at the odd 32-bit fraction: the sign is bit 31, and with j = 2 *
// (word mod 2^31) + 1 the value is the z with P(|Z| < z) = j * 2^-32. |z| < 6.34.
REPRO_HD float normal32(std::uint32_t word) {
  const std::uint32_t j = (word << 1) | 1U;
  const float x = static_cast<float>(j) * 0x1p-32F;
  const float y = static_cast<float>(~j + 1U) * 0x1p-32F;  // 1 - x
  const float w = -log32(y * (1.0F + x));                  // -ln(1 - x^2)
  float p = -0x1.ab8bf8p-27F;
  p = fma32(p, w, 0x1.4ffd26p-22F);
  p = fma32(p, w, -0x1.77b3e2p-19F);
  p = fma32(p, w, 0x1.7bd494p-18F);
  p = fma32(p, w, 0x1.07e9b2p-14F);
  p = fma32(p, w, -0x1.799756p-13F);
  p = fma32(p, w, -0x1.b0bc5p-9F);
  p = fma32(p, w, 0x1.0b977p-6F);
  p = fma32(p, w, 0x1.4ffde8p-2F);
  p = fma32(p, w, 0x1.40d932p+0F);
  const float b = sqrt32(w) - 2.25F;
  float q = -0x1.107b3p-15F;
  q = fma32(q, b, 0x1.cd7a74p-12F);
  q = fma32(q, b, -0x1.4b8e8ep-9F);
  q = fma32(q, b, 0x1.fe0f1ap-8F);
  q = fma32(q, b, -0x1.96443cp-7F);
  q = fma32(q, b, 0x1.829a4p-9F);
  q = fma32(q, b, 0x1.f81cb4p-6F);
  q = fma32(q, b, -0x1.2df8d4p-4F);
  q = fma32(q, b, 0x1.7f8efp-4F);
  q = fma32(q, b, 0x1.5aae84p+0F);
  q = fma32(q, b, 0x1.7ae622p+1F);
  return detail::with_sign_of(x * (w < 5.0F ? p : q), from_bits(word));
}

// x * Phi(x), Phi the standard normal's distribution function (the "exact" gelu, with erf). -inf
// gives -0.
REPRO_HD float gelu32(float x) {
  const bool is_nan = x != x;
  const float size = is_nan ? 0.0F : smaller(abs32(x), 15.0F);
  const float square = size * size;
  const float low = fma32(size, size, -square);
  const float e = detail::exp_with_low(-0.5F * square, -0.5F * low);
  const float u = (size - 3.0F) / (size + 3.0F);
  float p = 0x1.6243e2p-14F;
  p = fma32(p, u, -0x1.fd8418p-15F);
  p = fma32(p, u, -0x1.1add1ep-10F);
  p = fma32(p, u, -0x1.4eddd8p-12F);
  p = fma32(p, u, 0x1.ca61ccp-8F);
  p = fma32(p, u, -0x1.39347ap-11F);
  p = fma32(p, u, -0x1.a6aa5p-5F);
  p = fma32(p, u, 0x1.17a374p-3F);
  p = fma32(p, u, -0x1.3fab6ap-3F);
  p = fma32(p, u, 0x1.b56c4ep-7F);
  p = fma32(p, u, 0x1.b38188p-1F);
  const float inner = detail::with_sign_of(size, x);
  const float part = inner * (p / fma32(2.0F, size, 1.0F));  // x * Phi(-|x|) / e
  const float y = x < 0 ? part * e : fma32(-part, e, x);
  return detail::nan_if(is_nan, y);
}

}  // namespace repro::train
