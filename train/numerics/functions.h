// exp, log, tanh, erf, sigmoid, silu, gelu and (normal.h) the normal map as fixed binary32 programs
// (docs/arithmetic.md, "Functions"). The program is the specification: no libm, fma only where
// written, selects instead of branches, so a loop over any of them vectorises and every build gives
// the same 2^32 bits.
//
// Subnormal arguments and results are kept. The only NaN returned is 0x7FC00000; NaN gives NaN.
// Accuracy: within 2 ulp of the real value at every argument (table in docs/arithmetic.md;
// tests/train/numerics).
#pragma once

#include <cstdint>

#include "train/numerics/exp_log.h"
#include "train/numerics/float_bits.h"
#include "train/numerics/normal.h"

namespace repro::train {

// e^x. exp32(+-0) = 1, exp32(x) <= 1 for x < 0, exp32(-inf) = +0, exp32(inf) = inf.
REPRO_HD float exp32(float x) {
  const bool is_nan = x != x;
  return detail::nan_if(is_nan, detail::exp_with_low(is_nan ? 0.0F : x, 0.0F));
}

// ln x. log32(1) = +0, log32(+-0) = -inf, log32(inf) = inf, x < 0 gives NaN.
REPRO_HD float log32(float x) {
  const bool subnormal = x < 0x1p-126F;
  const std::uint32_t bits = to_bits(subnormal ? x * 0x1p23F : x);
  float y = detail::log_parts(bits, subnormal ? 23 : 0).y;
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

// x / (1 + e^-x), with the sign of x; silu32(-inf) = -0, silu32(inf) = inf.
REPRO_HD float silu32(float x) {
  const bool is_nan = x != x;
  const float bounded = is_nan ? 0.0F : larger(x, -110.0F);  // below, the result rounds to -0
  const detail::ExpParts e = detail::exp_parts(larger(-abs32(bounded), -110.0F), 0.0F);
  const float p = 1.0F + e.more;
  const float p_low = e.more - (p - 1.0F);
  const float unit = power_of_two32(larger(e.k, -126));
  const float sum = 1.0F + p * unit;
  const float lost = fma32(p_low, unit, p * unit - (sum - 1.0F));
  const float reciprocal = 1.0F / sum;
  const bool negative = x < 0;
  const float y = (negative ? p : 1.0F) * reciprocal;  // sigmoid * 2^-k where x < 0
  const float rest = fma32(-y, lost, fma32(-y, sum, negative ? p : 1.0F));
  const float high = bounded * y;
  const float low =
      fma32(bounded * reciprocal, rest + (negative ? p_low : 0.0F), fma32(bounded, y, -high));
  const float size = detail::scaled32(high + low, negative ? e.k : 0);
  return detail::nan_if(is_nan, x > 64.0F ? x : detail::with_sign_of(size, x));
}

// x * Phi(x), Phi the standard normal's distribution function (the "exact" gelu, with erf). -inf
// gives -0.
REPRO_HD float gelu32(float x) {
  const bool is_nan = x != x;
  const float size = is_nan ? 0.0F : smaller(abs32(x), 15.0F);
  const float inner = detail::with_sign_of(size, x);
  const float square = size * size;
  // |x| < 1: x * (1/2 + x * (c + q)), with c = 1 / sqrt(2 pi) rounded.
  float q = -0x1.0d411ap-17F;
  q = fma32(q, square, 0x1.dfa3ccp-14F);
  q = fma32(q, square, -0x1.372bfcp-10F);
  q = fma32(q, square, 0x1.46d022p-7F);
  q = fma32(q, square, -0x1.105838p-4F);
  q = fma32(q, square, -0x1.857936p-27F);
  const float t = inner * 0x1.988454p-2F;
  const float half = 0.5F + t;
  const float lost = (t - (half - 0.5F)) + fma32(inner, 0x1.988454p-2F, -t);
  const float near = fma32(inner, half, inner * fma32(inner, q, lost));
  // Else |x| * Phi(-|x|) = e^(-x^2 / 2) * (c + p), with c its other factor at 3.
  const detail::ExpParts e = detail::exp_parts(-0.5F * square, -0.5F * fma32(size, size, -square));
  const float u = (size - 3.0F) / (size + 3.0F);
  float p = -0x1.1e7eecp-11F;
  p = fma32(p, u, -0x1.54e02ap-15F);
  p = fma32(p, u, 0x1.03fe6ap-8F);
  p = fma32(p, u, -0x1.c78d56p-10F);
  p = fma32(p, u, -0x1.d8d2e2p-6F);
  p = fma32(p, u, 0x1.764776p-4F);
  p = fma32(p, u, -0x1.1e04a4p-3F);
  p = fma32(p, u, 0x1.c20d32p-4F);
  p = fma32(p, u, -0x1.cb5216p-27F);
  const float g = 0x1.754a76p-2F + p;
  const float g_low = p - (g - 0x1.754a76p-2F);
  const float tail = detail::scaled32(g + fma32(g, e.more, fma32(g_low, e.more, g_low)), e.k);
  const float far = x < 0 ? -tail : x - tail;
  return detail::nan_if(is_nan, size < 1.0F ? near : far);
}

}  // namespace repro::train
