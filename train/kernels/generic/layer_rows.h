// RMSNorm, RoPE and SwiGLU of one row (row_kernels.h, docs/arithmetic.md "Row operations").
#pragma once

#include "train/kernels/generic/lanes.h"
#include "train/kernels/row_kernels.h"
#include "train/numerics/functions.h"
#include "train/numerics/quantize.h"

namespace repro::train {

namespace detail {

// A gradient term below this many units needs neither the slow rounding nor the trap's comparison.
REPRO_HD double fast_units_bound(std::int64_t limit) {
  return smaller(0x1p51, static_cast<double>(limit)) - 2.0;
}

// Whether every term up to `max_bits` in size is below fast_units_bound, in units of 2^-unit.
REPRO_HD bool all_units_fast(std::uint32_t max_bits, int unit, std::int64_t limit) {
  return is_finite_bits(max_bits) && unit >= -900 && unit <= 850 &&
         static_cast<double>(from_bits(max_bits)) * power_of_two(unit) < fast_units_bound(limit);
}

REPRO_HD bool reaches_limit(std::int64_t units, std::int64_t limit) {
  return units >= limit || units <= -limit;
}

}  // namespace detail

// sumsq(x) = sum31(rn(x * x)).
template <class Lanes>
REPRO_HD float sum_of_squares31(const Lanes& lanes, const float* x, std::int64_t count) {
  const float most = from_bits(max_abs_bits(lanes, x, count));
  const Sum31Scale scale(abs_bits(most * most));  // rounding is monotone: the largest square
  if (!scale.finite) return from_bits(kCanonicalNan);
  std::int64_t sum = 0;
  for (std::int64_t i = lanes.first(); i < count; i += lanes.stride()) {
    sum += digit31(x[i] * x[i], scale.scale);
  }
  return scale.value(lanes.sum(sum));
}

template <class Lanes>
REPRO_HD void rms_norm_row(const Lanes& lanes, const RmsNormArgs& args, std::int64_t row) {
  const float* x = args.x + row * args.ld_x;
  float* y = args.y + row * args.ld_y;
  const float* gain = args.gain;
  const float mean = sum_of_squares31(lanes, x, args.cols) / static_cast<float>(args.cols);
  const float r = 1.0F / sqrt32(mean + args.epsilon);
  if (lanes.first() == 0) args.r[row] = r;
  if (args.residual == nullptr) {
    REPRO_INDEPENDENT_LOOP
    for (std::int64_t i = lanes.first(); i < args.cols; i += lanes.stride()) {
      y[i] = (x[i] * r) * gain[i];
    }
    return;
  }
  const float* residual = args.residual + row * args.ld_y;
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < args.cols; i += lanes.stride()) {
    y[i] = residual[i] + (x[i] * r) * gain[i];
  }
}

namespace detail {

// One row's pointers, and the maxima that its two exact sums need.
struct NormBackwardRow {
  const float* dy = nullptr;
  const float* x = nullptr;
  const float* gain = nullptr;
  float r = 0;
  std::int64_t cols = 0;

  REPRO_HD float normed(std::int64_t i) const { return x[i] * r; }                  // xh
  REPRO_HD float upstream(std::int64_t i) const { return dy[i] * gain[i]; }         // h
  REPRO_HD float product(std::int64_t i) const { return upstream(i) * normed(i); }  // h * xh
  REPRO_HD float gain_term(std::int64_t i) const { return dy[i] * normed(i); }      // dy * xh
};

// c = sum31(h * xh) / n; also the bits of the largest gain term.
template <class Lanes>
REPRO_HD float norm_projection(const Lanes& lanes, const NormBackwardRow& row,
                               std::uint32_t* max_gain_term) {
  std::int32_t most = 0;
  std::int32_t most_gain = 0;
  for (std::int64_t i = lanes.first(); i < row.cols; i += lanes.stride()) {
    most = larger(most, static_cast<std::int32_t>(abs_bits(row.product(i))));
    most_gain = larger(most_gain, static_cast<std::int32_t>(abs_bits(row.gain_term(i))));
  }
  *max_gain_term = static_cast<std::uint32_t>(lanes.max(most_gain));
  const Sum31Scale scale(static_cast<std::uint32_t>(lanes.max(most)));
  if (!scale.finite) return from_bits(kCanonicalNan);
  std::int64_t sum = 0;
  for (std::int64_t i = lanes.first(); i < row.cols; i += lanes.stride()) {
    sum += digit31(row.product(i), scale.scale);
  }
  return scale.value(lanes.sum(sum)) / static_cast<float>(row.cols);
}

// Adds the gain terms; the first column that reaches the limit, or -1.
template <class Lanes>
REPRO_HD std::int64_t add_gain_terms(const Lanes& lanes, const NormBackwardRow& row, bool fast,
                                     const RmsNormBackwardArgs& args) {
  std::int64_t* units = args.gain_units;
  if (fast) {
    const double scale = power_of_two(args.unit);
    REPRO_INDEPENDENT_LOOP
    for (std::int64_t i = lanes.first(); i < row.cols; i += lanes.stride()) {
      lanes.add(units + i, round_small(static_cast<double>(row.gain_term(i)) * scale));
    }
    return -1;
  }
  std::int64_t overflow = row.cols;
  for (std::int64_t i = lanes.first(); i < row.cols; i += lanes.stride()) {
    const std::int64_t term = gradient_units(row.gain_term(i), args.unit);
    if (detail::reaches_limit(term, args.limit)) {
      overflow = smaller(overflow, i);
    } else {
      lanes.add(units + i, term);
    }
  }
  overflow = min_index(lanes, overflow);
  return overflow == row.cols ? -1 : overflow;
}

}  // namespace detail

// The first column whose gain term reaches the limit, else -1.
template <class Lanes>
REPRO_HD std::int64_t rms_norm_backward_row(const Lanes& lanes, const RmsNormBackwardArgs& args,
                                            std::int64_t index) {
  const detail::NormBackwardRow row{args.dy + index * args.ld_y, args.x + index * args.ld_x,
                                    args.gain, args.r[index], args.cols};
  std::uint32_t max_gain_term = 0;
  const float c = detail::norm_projection(lanes, row, &max_gain_term);
  const bool fast = detail::all_units_fast(max_gain_term, args.unit, args.limit);
  const std::int64_t overflow = detail::add_gain_terms(lanes, row, fast, args);
  float* dx = args.dx + index * args.ld_dx;
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < args.cols; i += lanes.stride()) {
    dx[i] = row.r * (row.upstream(i) - row.normed(i) * c);
  }
  return overflow;
}

template <class Lanes>
REPRO_HD void rope_row(const Lanes& lanes, const RopeArgs& args, std::int64_t row) {
  const std::int64_t half = args.head_dim / 2;
  const float* cosines = args.cosines + (args.first_position + row) * half;
  const float* sines = args.sines + (args.first_position + row) * half;
  for (std::int64_t head = 0; head < args.heads; ++head) {
    float* first = args.x + row * args.ld + head * args.head_dim;
    float* second = first + half;
    REPRO_INDEPENDENT_LOOP
    for (std::int64_t i = lanes.first(); i < half; i += lanes.stride()) {
      const float c = cosines[i];
      const float s = args.backward ? -sines[i] : sines[i];  // a - (-b) is a + b, exactly
      const float a = first[i];
      const float b = second[i];
      first[i] = a * c - b * s;
      second[i] = a * s + b * c;
    }
  }
}

template <class Lanes>
REPRO_HD void swiglu_row(const Lanes& lanes, const SwigluArgs& args, std::int64_t row) {
  const float* gate = args.gate_up + row * 2 * args.ffn;
  const float* up = gate + args.ffn;
  float* a = args.a + row * args.ffn;
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < args.ffn; i += lanes.stride()) {
    a[i] = (gate[i] * sigmoid32(gate[i])) * up[i];
  }
}

template <class Lanes>
REPRO_HD void swiglu_backward_row(const Lanes& lanes, const SwigluBackwardArgs& args,
                                  std::int64_t row) {
  const float* gate = args.gate_up + row * 2 * args.ffn;
  const float* up = gate + args.ffn;
  const float* da = args.da + row * args.ffn;
  float* d_gate = args.d_gate_up + row * 2 * args.ffn;
  float* d_up = d_gate + args.ffn;
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < args.ffn; i += lanes.stride()) {
    const float g = gate[i];
    const float u = up[i];
    const float s = sigmoid32(g);
    d_up[i] = da[i] * (g * s);
    d_gate[i] = (da[i] * u) * (s * (1.0F + g * (1.0F - s)));
  }
}

}  // namespace repro::train
