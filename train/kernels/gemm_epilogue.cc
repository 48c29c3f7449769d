#include "train/kernels/gemm_epilogue.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "artifacts/base/error.h"
#include "train/kernels/generic/product_sums.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

constexpr std::int64_t kMaxDepth = std::int64_t{1} << 24;
constexpr std::int64_t kMaxDepthTwoDigits = std::int64_t{1} << 11;
constexpr std::int64_t kMaxSide = std::numeric_limits<std::int32_t>::max();

// With row and column exponents within this bound, |S| < 2^53 keeps both products of a scaled sum
// normal, so exact.
constexpr std::int64_t kFastExponent = 400;
constexpr std::int64_t kNoTrap = std::numeric_limits<std::int64_t>::max();

void check_view(const DigitView& view, std::int64_t rows, std::int64_t depth, const char* name) {
  if (rows == 0 || depth == 0) return;
  const bool unit = view.row_stride == 1 || view.depth_stride == 1;
  if (view.data == nullptr || !unit || view.row_stride < 0 || view.depth_stride < 0) {
    throw Error(Code::invalid_argument,
                std::string("operand ") + name + " of a product needs data and one stride of 1");
  }
}

double scale_of(std::int64_t exponent) {
  return exponent <= kEmptySumExponent / 2 ? 0.0 : power_of_two(static_cast<int>(exponent));
}

bool is_fast(std::int64_t exponent) {
  return exponent <= kEmptySumExponent / 2 || std::abs(exponent) <= kFastExponent;
}

}  // namespace

void check_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a,
                const DigitView& b, const GemmOutput& output) {
  const std::int64_t max_depth = output.a_low != nullptr ? kMaxDepthTwoDigits : kMaxDepth;
  if (m < 0 || n < 0 || k < 0 || m > kMaxSide || n > kMaxSide || k > max_depth) {
    throw Error(Code::invalid_argument, "a product of " + std::to_string(m) + " x " +
                                            std::to_string(n) + " x " + std::to_string(k) +
                                            " is beyond the limits (depth at most " +
                                            std::to_string(max_depth) + ")");
  }
  check_view(a, m, k, "A");
  check_view(b, n, k, "B");
  const bool floats = output.kind == GemmOutput::Kind::to_float;
  const bool given = floats ? output.values != nullptr : output.integers != nullptr;
  if (m > 0 && n > 0 && (!given || output.ld < n)) {
    throw Error(Code::invalid_argument, "a product needs an output with rows of at least " +
                                            std::to_string(n) + " elements");
  }
}

GemmEpilogue::GemmEpilogue(const GemmOutput& output, const EpilogueKernels& kernels, std::int64_t n)
    : output_(output),
      kernels_(kernels),
      n_(n),
      // |v| < limit - 1 rounds to less than the limit.
      fast_bound_(std::min(
          0x1p51, static_cast<double>(std::max<std::int64_t>(addend_limit(output), 1) - 1))),
      first_trap_(kNoTrap) {}

void GemmEpilogue::prepare(std::int64_t m0, std::int64_t rows, std::int64_t n0, std::int64_t cols,
                           TaskScales& scales) const {
  scales.m0 = m0;
  scales.n0 = n0;
  scales.fast = true;
  for (std::int64_t i = 0; i < rows && scales.fast; ++i) {
    const std::int64_t exponent = row_exponent(output_, m0 + i);
    scales.fast = is_fast(exponent);
    if (scales.fast) scales.row[static_cast<std::size_t>(i)] = scale_of(exponent);
  }
  for (std::int64_t i = 0; i < cols && scales.fast; ++i) {
    const std::int64_t exponent = column_exponent(output_, n0 + i);
    scales.fast = is_fast(exponent);
    if (scales.fast) scales.column[static_cast<std::size_t>(i)] = scale_of(exponent);
  }
}

std::int64_t GemmEpilogue::visible_columns(std::int64_t m) const {
  return train::visible_columns(output_, m, n_);
}

void GemmEpilogue::apply(const TaskScales& scales, std::int64_t m0, std::int64_t rows,
                         std::int64_t n0, std::int64_t cols, const double* s, std::int64_t ld) {
  if (visible_columns(m0) >= n0 + cols) {
    apply_rectangle(scales, m0, rows, n0, cols, s, ld);
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t visible = std::min(visible_columns(m0 + r) - n0, cols);
    if (visible > 0) apply_rectangle(scales, m0 + r, 1, n0, visible, s + r * ld, ld);
  }
}

void GemmEpilogue::apply_rectangle(const TaskScales& scales, std::int64_t m0, std::int64_t rows,
                                   std::int64_t n0, std::int64_t cols, const double* s,
                                   std::int64_t ld) {
  if (!scales.fast) {
    apply_slowly(m0, rows, n0, cols, s, ld);
    return;
  }
  ScaledBlock block;
  block.s = s;
  block.ld = ld;
  block.rows = rows;
  block.cols = cols;
  block.row_scale = scales.row.data() + (m0 - scales.m0);
  block.column_scale = scales.column.data() + (n0 - scales.n0);
  const std::int64_t first = m0 * output_.ld + n0;
  if (output_.kind == GemmOutput::Kind::to_float) {
    kernels_.store_floats(block, output_.values + first, output_.ld);
  } else if (!kernels_.add_integers(block, fast_bound_, output_.integers + first, output_.ld)) {
    apply_slowly(m0, rows, n0, cols, s, ld);
  }
}

void GemmEpilogue::apply_slowly(std::int64_t m0, std::int64_t rows, std::int64_t n0,
                                std::int64_t cols, const double* s, std::int64_t ld) {
  for (std::int64_t m = m0; m < m0 + rows; ++m) {
    for (std::int64_t n = n0; n < n0 + cols; ++n) {
      if (!put_sum(output_, m, n, s[(m - m0) * ld + (n - n0)])) trap(m * n_ + n);
    }
  }
}

void GemmEpilogue::trap(std::int64_t index) {
  std::int64_t first = first_trap_.load();
  while (index < first && !first_trap_.compare_exchange_weak(first, index)) {
  }
}

void GemmEpilogue::throw_if_trapped() const {
  const std::int64_t index = first_trap_.load();
  if (index != kNoTrap) fail_product(output_, index / n_, index % n_);
}

void fail_product(const GemmOutput& output, std::int64_t m, std::int64_t n) {
  throw Error(Code::invalid_argument,
              "the addend of row " + std::to_string(m) + ", column " + std::to_string(n) +
                  " of an integer product is " + std::to_string(addend_limit(output)) +
                  " units or more",
              "lower train.gradient_unit, or look for the cause of a gradient this large");
}

}  // namespace repro::train
