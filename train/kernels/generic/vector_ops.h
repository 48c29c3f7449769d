// Element-wise work without rows: finishing dotB, gradients in fixed point, AdamW, scans
// (row_kernels.h, docs/arithmetic.md "Gradients" and "The optimiser").
#pragma once

#include "train/kernels/generic/lanes.h"
#include "train/kernels/generic/layer_rows.h"
#include "train/kernels/row_kernels.h"
#include "train/numerics/quantize.h"
#include "train/numerics/wide_int.h"

namespace repro::train {

template <class Lanes>
REPRO_HD void finish_blocks(const Lanes& lanes, const std::int64_t* blocks, std::int64_t count,
                            std::int32_t bound, float divisor, float* values) {
  const double scale = float_scale(bound - 38);
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    const float value = static_cast<float>(exact_double(sticky_for_float(blocks[i])) * scale);
    values[i] = value / divisor;  // by 1: unchanged
  }
}

template <class Lanes>
REPRO_HD void add_vectors(const Lanes& lanes, const float* a, const float* b, std::int64_t count,
                          float* sum) {
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) sum[i] = a[i] + b[i];
}

template <class Lanes>
REPRO_HD void add_scaled_digits(const Lanes& lanes, const std::int16_t* digits,
                                std::int32_t exponent, float factor, std::int64_t count, float* y) {
  if (exponent == kNoExponent) return;
  const SplitScale hat = split_scale(exponent - 13);
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    y[i] = y[i] + factor * scaled_to_digit(static_cast<float>(digits[i]), hat);
  }
}

namespace detail {

template <class Lanes>
REPRO_HD std::int64_t add_units_slowly(const Lanes& lanes, const float* x, float factor,
                                       std::int64_t count, int unit, std::int64_t limit,
                                       std::int64_t* units) {
  std::int64_t overflow = count;
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    const std::int64_t term = gradient_units(x[i] * factor, unit);
    if (reaches_limit(term, limit)) {
      overflow = smaller(overflow, i);
    } else {
      lanes.add(units + i, term);
    }
  }
  overflow = min_index(lanes, overflow);
  return overflow == count ? -1 : overflow;
}

}  // namespace detail

// count < 2^31.
template <class Lanes>
REPRO_HD std::int64_t add_units(const Lanes& lanes, const float* x, float factor,
                                std::int64_t count, int unit, std::int64_t limit,
                                std::int64_t* units) {
  // Rounding is monotone, so the largest |x| has the largest term.
  const float most = from_bits(max_abs_bits(lanes, x, count));
  if (!detail::all_units_fast(abs_bits(most * factor), unit, limit)) {
    return detail::add_units_slowly(lanes, x, factor, count, unit, limit, units);
  }
  const double scale = power_of_two(unit);
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    lanes.add(units + i, round_small(static_cast<double>(x[i] * factor) * scale));
  }
  return -1;
}

template <class Lanes>
REPRO_HD void adamw(const Lanes& lanes, const AdamwArgs& in) {
  const AdamwArgs args = in;  // a copy, so that stores cannot change it
  const double scale = float_scale(-args.unit);
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < args.count; i += lanes.stride()) {
    const float sum = static_cast<float>(exact_double(sticky_for_float(args.gradient[i])) * scale);
    const float g = (sum / args.normalizer) * args.clip;
    const float m = fma32(args.beta1, args.m[i], args.one_minus_beta1 * g);
    const float v = fma32(args.beta2, args.v[i], args.one_minus_beta2 * (g * g));
    const float mh = m / args.correction1;
    const float vh = v / args.correction2;
    const float w = args.w[i];
    args.m[i] = m;
    args.v[i] = v;
    args.w[i] = (w - args.lr_decay * w) - (args.lr * mh) / (sqrt32(vh) + args.epsilon);
  }
}

namespace detail {

// The sum over the lanes of their limbs: halves of 32 bits, whose sums need no carry on the way.
template <class Lanes>
REPRO_HD void sum_limbs(const Lanes& lanes, std::uint64_t limb[3]) {
  std::uint64_t carry = 0;
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t low = limb[i] & 0xFFFFFFFFU;
    const std::uint64_t high = limb[i] >> 32;
    const auto low_sum = static_cast<std::uint64_t>(lanes.sum(static_cast<std::int64_t>(low)));
    const auto high_sum = static_cast<std::uint64_t>(lanes.sum(static_cast<std::int64_t>(high)));
    const std::uint64_t bottom = low_sum + carry;  // below 2^38
    const std::uint64_t top = high_sum + (bottom >> 32);
    limb[i] = (top << 32) | (bottom & 0xFFFFFFFFU);
    carry = top >> 32;
  }
}

}  // namespace detail

// *total += the sum; lane 0 writes.
template <class Lanes>
REPRO_HD void sum_squares(const Lanes& lanes, const std::int64_t* values, std::int64_t count,
                          Sum192* total) {
  std::uint64_t part[3] = {0, 0, 0};
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    add_square192(part, values[i]);
  }
  detail::sum_limbs(lanes, part);
  if (lanes.first() == 0) add192(total->limb, part);
}

template <class Lanes>
REPRO_HD std::int64_t find_non_finite(const Lanes& lanes, const float* x, std::int64_t count) {
  constexpr std::int64_t kBlock = 4096;  // scanned at once; only a bad block is searched
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t size = smaller(kBlock, count - begin);
    if (is_finite_bits(max_abs_bits(lanes, x + begin, size))) continue;
    std::int64_t index = size;
    for (std::int64_t i = lanes.first(); i < size; i += lanes.stride()) {
      if (!is_finite_bits(abs_bits(x[begin + i]))) index = smaller(index, i);
    }
    return begin + min_index(lanes, index);
  }
  return -1;
}

}  // namespace repro::train
