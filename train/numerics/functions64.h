// Fixed binary64 programs for what a run computes once: RoPE angles, schedules, bias corrections
// (docs/arithmetic.md, "Binary64 programs"). The program is the specification; the bounds on the
// error are tested facts. No libm.
#pragma once

#include <cstdint>

#include "train/numerics/float_bits.h"

namespace repro::train {

inline constexpr double kNan64 = __builtin_nan("");

// Angles beyond this have no defined sine here (NaN): the reduction is exact below.
inline constexpr double kMaxAngle = 0x1p30;

namespace detail {

// Coefficients are 1/n! rounded to binary64.
REPRO_HD double sin_kernel(double r) {
  const double z = r * r;
  double p = 0x1.952c77030ad4ap-49;         // 1/17!
  p = fma64(p, z, -0x1.ae7f3e733b81fp-41);  // 1/15!
  p = fma64(p, z, 0x1.6124613a86d09p-33);   // 1/13!
  p = fma64(p, z, -0x1.ae64567f544e4p-26);  // 1/11!
  p = fma64(p, z, 0x1.71de3a556c734p-19);   // 1/9!
  p = fma64(p, z, -0x1.a01a01a01a01ap-13);  // 1/7!
  p = fma64(p, z, 0x1.1111111111111p-7);    // 1/5!
  p = fma64(p, z, -0x1.5555555555555p-3);   // 1/3!
  return fma64(r * z, p, r);
}

REPRO_HD double cos_kernel(double r) {
  const double z = r * r;
  double p = -0x1.6827863b97d97p-53;        // 1/18!
  p = fma64(p, z, 0x1.ae7f3e733b81fp-45);   // 1/16!
  p = fma64(p, z, -0x1.93974a8c07c9dp-37);  // 1/14!
  p = fma64(p, z, 0x1.1eed8eff8d898p-29);   // 1/12!
  p = fma64(p, z, -0x1.27e4fb7789f5cp-22);  // 1/10!
  p = fma64(p, z, 0x1.a01a01a01a01ap-16);   // 1/8!
  p = fma64(p, z, -0x1.6c16c16c16c17p-10);  // 1/6!
  p = fma64(p, z, 0x1.5555555555555p-5);    // 1/4!
  p = fma64(p, z, -0.5);
  return fma64(p, z, 1.0);
}

// sin(x + quarters * pi / 2).
REPRO_HD double sin_quarters(double x, std::int64_t quarters) {
  const double n = round_to_integer(x * 0x1.45f306dc9c883p-1);  // 2 / pi
  double r = fma64(-n, 0x1.921fb54442d18p+0, x);                // pi / 2 in three parts
  r = fma64(-n, 0x1.1a62633145c07p-54, r);
  r = fma64(-n, -0x1.f1976b7ed8fbcp-110, r);
  const std::uint64_t turn = static_cast<std::uint64_t>(static_cast<std::int64_t>(n) + quarters);
  const double value = (turn & 1) != 0 ? cos_kernel(r) : sin_kernel(r);
  return (turn & 2) != 0 ? -value : value;
}

}  // namespace detail

// |x| <= 2^30, else NaN. Absolute error below 2^-52.
REPRO_HD double sin64(double x) {
  return x >= -kMaxAngle && x <= kMaxAngle ? detail::sin_quarters(x, 0) : kNan64;
}
REPRO_HD double cos64(double x) {
  return x >= -kMaxAngle && x <= kMaxAngle ? detail::sin_quarters(x, 1) : kNan64;
}

// e^x for |x| <= 708 (else NaN), relative error below 2^-51. exp64(0) = 1.
REPRO_HD double exp64(double x) {
  if (!(x >= -708 && x <= 708)) return kNan64;
  const double n = round_to_integer(x * 0x1.71547652b82fep+0);  // 1 / ln 2
  double r = fma64(-n, 0x1.62e42fefa39efp-1, x);                // ln 2 in two parts
  r = fma64(-n, 0x1.abc9e3b39803fp-56, r);
  double p = 0x1.6124613a86d09p-33;        // 1/13!
  p = fma64(p, r, 0x1.1eed8eff8d898p-29);  // 1/12!
  p = fma64(p, r, 0x1.ae64567f544e4p-26);  // 1/11!
  p = fma64(p, r, 0x1.27e4fb7789f5cp-22);  // 1/10!
  p = fma64(p, r, 0x1.71de3a556c734p-19);  // 1/9!
  p = fma64(p, r, 0x1.a01a01a01a01ap-16);  // 1/8!
  p = fma64(p, r, 0x1.a01a01a01a01ap-13);  // 1/7!
  p = fma64(p, r, 0x1.6c16c16c16c17p-10);  // 1/6!
  p = fma64(p, r, 0x1.1111111111111p-7);   // 1/5!
  p = fma64(p, r, 0x1.5555555555555p-5);   // 1/4!
  p = fma64(p, r, 0x1.5555555555555p-3);   // 1/3!
  p = fma64(p, r, 0.5);
  p = fma64(p, r, 1.0);
  p = fma64(p, r, 1.0);
  return p * power_of_two(static_cast<int>(n));
}

// ln x for normal positive finite x (else NaN), relative error below 2^-50. log64(1) = +0.
REPRO_HD double log64(double x) {
  if (!(x >= 0x1p-1022 && x <= 0x1.fffffffffffffp+1023)) return kNan64;
  // m in [sqrt(1/2), sqrt(2)): 0x3FE6A09E667F3BCD are the bits of sqrt(1/2).
  const std::uint64_t offset = to_bits64(x) - 0x3FE6A09E667F3BCDU;
  const std::int64_t k = static_cast<std::int64_t>(offset) >> 52;
  const double m = from_bits64(to_bits64(x) - (static_cast<std::uint64_t>(k) << 52));
  const double f = m - 1.0;
  const double s = f / (m + 1.0);
  const double z = s * s;
  double p = 1.0 / 23.0;
  for (int n = 21; n >= 3; n -= 2) p = fma64(p, z, 1.0 / static_cast<double>(n));
  // ln m = 2s + 2s z p = f - s f + 2 s z p; written so that f, which is exact, carries the leading
  // bits.
  const double tail = s * (2.0 * z * p - f);
  const double kd = static_cast<double>(k);
  return fma64(kd, 0x1.62e42fefa39efp-1, f + fma64(kd, 0x1.abc9e3b39803fp-56, tail));
}

// base^n by square-and-multiply from the least significant bit; power_int(b, 0) = 1.
REPRO_HD double power_int(double base, std::uint64_t n) {
  double result = 1.0;
  double square = base;
  while (n != 0) {
    if ((n & 1) != 0) result = result * square;
    n >>= 1;
    if (n != 0) square = square * square;
  }
  return result;
}

// theta^(-2i / head_dim): RoPE's angle per position of pair i. theta > 0.
REPRO_HD double rope_frequency(double theta, std::int64_t i, std::int64_t head_dim) {
  const double part = static_cast<double>(2 * i) / static_cast<double>(head_dim);
  return exp64(-(part * log64(theta)));
}

}  // namespace repro::train
