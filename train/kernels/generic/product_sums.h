// From one exact sum S to the output of a product (GemmOutput in gemm.h), for any element and any
// exponents. Paths that have scales ready for a whole tile use those instead (gemm_epilogue.h).
#pragma once

#include <cstdint>

#include "train/kernels/gemm.h"
#include "train/numerics/float_bits.h"

namespace repro::train {

// Beyond this exponent, any S other than 0 overflows every output, or rounds to 0 in it.
inline constexpr std::int64_t kDecidedExponent = 900;
// The exponent of an empty row or column, whose sums are all 0; sums of two such are below it.
inline constexpr std::int64_t kEmptySumExponent = -(std::int64_t{1} << 40);
// Addends of this size trap whatever the limit.
inline constexpr std::int64_t kBlockLimit = std::int64_t{1} << 62;

// S(m, n) stands for S * 2^(row_exponent + column_exponent) in the unit of the output.
REPRO_HD std::int64_t row_exponent(const GemmOutput& output, std::int64_t m) {
  std::int64_t exponent = output.a_low != nullptr ? -14 : 0;
  if (output.a_exponent != nullptr) {
    if (output.a_exponent[m] == kEmptyExponent) return kEmptySumExponent;
    exponent += output.a_exponent[m];
  }
  if (output.kind == GemmOutput::Kind::add_blocks) {
    return exponent + (output.shift != nullptr ? output.shift[m] : 0);
  }
  return exponent - 26 + (output.kind == GemmOutput::Kind::add_units ? output.unit : 0);
}
REPRO_HD std::int64_t column_exponent(const GemmOutput& output, std::int64_t n) {
  if (output.b_exponent == nullptr || output.kind == GemmOutput::Kind::add_units) return 0;
  return output.b_exponent[n] == kEmptyExponent ? kEmptySumExponent : output.b_exponent[n];
}

// One past the last column that row m may write, of `cols`.
REPRO_HD std::int64_t visible_columns(const GemmOutput& output, std::int64_t m, std::int64_t cols) {
  if (!output.causal) return cols;
  return smaller(larger<std::int64_t>(m + output.causal_offset + 1, 0), cols);
}

// The addend's bound.
REPRO_HD std::int64_t addend_limit(const GemmOutput& output) {
  return output.kind == GemmOutput::Kind::add_units ? smaller(output.limit, kBlockLimit)
                                                    : kBlockLimit;
}

// S * 2^exponent, exact where it decides anything; |s| <= 2^53, integer.
REPRO_HD double scaled_sum(double s, std::int64_t exponent) {
  const std::int64_t decided = smaller(larger(exponent, -kDecidedExponent), kDecidedExponent);
  return s * power_of_two(static_cast<int>(decided));
}

// Puts S of one element into the output. False, and nothing added, where the addend traps. No two
// threads may be given the same element at the same time.
REPRO_HD bool put_sum(const GemmOutput& output, std::int64_t m, std::int64_t n, double s) {
  const double v = scaled_sum(s, row_exponent(output, m) + column_exponent(output, n));
  if (output.kind == GemmOutput::Kind::to_float) {
    output.values[m * output.ld + n] = static_cast<float>(v);
    return true;
  }
  const std::int64_t addend = rne_scaled(v, 0);  // saturates, so it reaches every limit
  const std::int64_t limit = addend_limit(output);
  if (addend <= -kBlockLimit || addend >= limit || addend <= -limit) return false;
  std::int64_t& sum = output.integers[m * output.ld + n];
  sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) +
                                  static_cast<std::uint64_t>(addend));
  return true;
}

}  // namespace repro::train
