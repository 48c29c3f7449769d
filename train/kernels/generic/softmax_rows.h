// Softmax, attention's score gradients and cross-entropy of one row (row_kernels.h,
// docs/arithmetic.md "Row operations" and "The gradient of the logits").
#pragma once

#include "train/kernels/generic/lanes.h"
#include "train/kernels/row_kernels.h"
#include "train/numerics/functions.h"
#include "train/numerics/quantize.h"

namespace repro::train {

namespace detail {

// Orders finite binary32 as int32: -0 below +0. Its own inverse on the bits.
REPRO_HD std::int32_t order_key(std::int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); }

template <class Lanes>
REPRO_HD float row_max(const Lanes& lanes, const float* s, std::int64_t count) {
  std::int32_t most = INT32_MIN;
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    most = larger(most, order_key(static_cast<std::int32_t>(to_bits(s[i]))));
  }
  return from_bits(static_cast<std::uint32_t>(order_key(lanes.max(most))));
}

// One p in units of 2^-40; p in [0, 1].
REPRO_HD std::int64_t probability_units(float p) {
  return round_small(static_cast<double>(p) * 0x1p40);
}

// s <- p_j = exp(s_j - m); returns l.
template <class Lanes>
REPRO_HD std::int64_t exponentials(const Lanes& lanes, float* s, std::int64_t count, float max) {
  std::int64_t sum = 0;
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    const float p = exp32(s[i] - max);
    s[i] = p;
    sum += probability_units(p);
  }
  return lanes.sum(sum);
}

}  // namespace detail

// count >= 1.
template <class Lanes>
REPRO_HD SoftmaxRowResult softmax_row(const Lanes& lanes, float* s, std::int64_t count) {
  const float max = detail::row_max(lanes, s, count);
  return {max, rne32_scaled(detail::exponentials(lanes, s, count, max), -40)};
}

// sum31 of digit_j * 2^(exponent - 13) * o_j.
template <class Lanes>
REPRO_HD float attention_d_row(const Lanes& lanes, const std::int16_t* digits,
                               std::int32_t exponent, const float* o, std::int64_t count) {
  if (exponent == kNoExponent) return 0;
  const SplitScale hat = split_scale(exponent - 13);
  std::int32_t most = 0;
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    const float term = scaled_to_digit(static_cast<float>(digits[i]), hat) * o[i];
    most = larger(most, static_cast<std::int32_t>(abs_bits(term)));
  }
  const Sum31Scale scale(static_cast<std::uint32_t>(lanes.max(most)));
  if (!scale.finite) return from_bits(kCanonicalNan);
  std::int64_t sum = 0;
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    sum += digit31(scaled_to_digit(static_cast<float>(digits[i]), hat) * o[i], scale.scale);
  }
  return scale.value(lanes.sum(sum));
}

template <class Lanes>
REPRO_HD void attention_backward_row(const Lanes& lanes, const AttentionBackwardRowArgs& args) {
  float* p = args.p;
  float* dp = args.dp;
  const float sum = args.sum;
  const float d = args.d;
  const float scale = args.scale;
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < args.count; i += lanes.stride()) {
    const float probability = p[i] / sum;
    p[i] = probability;
    dp[i] = (probability * (dp[i] - d)) * scale;
  }
}

namespace detail {

// Whether an entry before `target` is as large as `max`.
template <class Lanes>
REPRO_HD bool max_before(const Lanes& lanes, const float* logits, std::int64_t target, float max) {
  std::int32_t found = 0;
  for (std::int64_t i = lanes.first(); i < target; i += lanes.stride()) {
    found = larger(found, logits[i] == max ? 1 : 0);
  }
  return lanes.max(found) != 0;
}

// p_j -> B_j = factor * (p_j / sum), zero at the target.
template <class Lanes>
REPRO_HD void logit_gradients(const Lanes& lanes, const CrossEntropyRowArgs& args, float sum,
                              float factor) {
  float* logits = args.logits;
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < args.vocab; i += lanes.stride()) {
    const float b = factor * (logits[i] / sum);
    logits[i] = i == args.target ? 0.0F : b;
  }
}

REPRO_HD std::int64_t loss_units(float loss) { return rne_scaled(static_cast<double>(loss), 30); }

}  // namespace detail

// With weight 0 the sums and `correct` are those of a token that does not count: zero, false.
template <class Lanes>
REPRO_HD CrossEntropyRowResult cross_entropy_row(const Lanes& lanes,
                                                 const CrossEntropyRowArgs& args) {
  const float target_logit = args.logits[args.target];
  const float max = detail::row_max(lanes, args.logits, args.vocab);
  const bool is_max = target_logit == max;
  const bool earlier = is_max && detail::max_before(lanes, args.logits, args.target, max);
  const float target_p = exp32(target_logit - max);
  const std::int64_t sum_units = detail::exponentials(lanes, args.logits, args.vocab, max);
  const float sum = rne32_scaled(sum_units, -40);
  const float log_sum = log32(sum);

  CrossEntropyRowResult result;
  result.log_sum_exp = max + log_sum;
  const float z = result.log_sum_exp;
  if (args.weight != 0) {
    const float ce = (max - target_logit) + log_sum;
    result.ce_units = detail::loss_units(ce);
    result.loss_units = detail::loss_units(ce + args.z_loss * (z * z));
    result.correct = is_max && !earlier;
  }
  const float z2 = (2.0F * args.z_loss) * z;
  const float factor = args.weight * (1.0F + z2);
  const float rest = rne32_scaled(sum_units - detail::probability_units(target_p), -40) / sum;
  result.a = args.weight * (z2 * (target_p / sum) - rest);
  result.bound = abs32(factor);
  if (args.backward) detail::logit_gradients(lanes, args, sum, factor);
  return result;
}

}  // namespace repro::train
