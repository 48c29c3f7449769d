// The map from 32 random bits to the standard normal, as a fixed binary32 program: see functions.h
// for the rules and the accuracy.
#pragma once

#include <cstdint>

#include "train/numerics/exp_log.h"
#include "train/numerics/float_bits.h"

namespace repro::train {

// The standard normal's quantile at the odd 32-bit fraction: the sign is bit 31, and with j = 2 *
// (word mod 2^31) + 1 the value is the z with P(|Z| < z) = j * 2^-32. |z| < 6.34.
REPRO_HD float normal32(std::uint32_t word) {
  const std::uint32_t j = (word << 1) | 1U;
  const float x = static_cast<float>(j) * 0x1p-32F;
  const float x_high = static_cast<float>(j & 0xFFFFFF00U) * 0x1p-32F;  // the two are exact
  const float x_low = static_cast<float>(j & 0xFFU) * 0x1p-32F;
  const float y = static_cast<float>(~j + 1U) * 0x1p-32F;                      // 1 - x
  const detail::LogParts log = detail::log_parts(to_bits(y * (1.0F + x)), 0);  // of 1 - x^2
  const float w = -log.y;
  float p = -0x1.ab8bf8p-27F;
  p = fma32(p, w, 0x1.4ffd26p-22F);
  p = fma32(p, w, -0x1.77b3e2p-19F);
  p = fma32(p, w, 0x1.7bd494p-18F);
  p = fma32(p, w, 0x1.07e9b2p-14F);
  p = fma32(p, w, -0x1.799756p-13F);
  p = fma32(p, w, -0x1.b0bc5p-9F);
  p = fma32(p, w, 0x1.0b977p-6F);
  p = fma32(p, w, 0x1.4ffde8p-2F);
  const float root = sqrt32(w);
  const float b = root - 2.25F;
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
  // z / x = first + w * p or first + b * q, and what w and its root lost times the slope there.
  const bool central = w < 5.0F;
  const float first = central ? 0x1.40d932p+0F : 0x1.7ae622p+1F;
  const float lost = (central ? 0.0F : fma32(-root, root, w)) - log.low;
  const float slope = central ? 0x1.333334p-2F : fma32(b, -0.0625F, 0x1.333334p-2F);
  const float rest = fma32(central ? w : b, central ? p : q, lost * slope);
  const float z = fma32(x_high, first, fma32(x_low, first, x * rest));
  return detail::with_sign_of(z, from_bits(word));
}

}  // namespace repro::train
