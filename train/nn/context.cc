#include "train/nn/context.h"

#include <algorithm>
#include <string>

namespace repro::train {

namespace {

// Multiplications and additions of a product that are not left out above a diagonal.
std::int64_t useful_operations(std::int64_t m, std::int64_t n, std::int64_t k,
                               const GemmOutput& output) {
  std::int64_t elements = m * n;
  if (output.causal) {
    elements = 0;
    for (std::int64_t row = 0; row < m; ++row) {
      elements += std::clamp<std::int64_t>(row + output.causal_offset + 1, 0, n);
    }
  }
  return 2 * elements * k * (output.a_low != nullptr ? 2 : 1);
}

}  // namespace

void TracedGemm::run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a,
                     const DigitView& b, const GemmOutput& output, Parallel& parallel) const {
  if (trace_ == nullptr) return path_.run(m, n, k, a, b, output, parallel);
  const TraceSpan span(trace_, "gemm",
                       {.m = m, .n = n, .k = k, .operations = useful_operations(m, n, k, output)});
  path_.run(m, n, k, a, b, output, parallel);
}

void fail_non_finite(const Operand& operand, std::int64_t index, std::int64_t step) {
  throw Error(Code::invalid_argument,
              "non-finite value in " + std::string(operand.operation) + ": " +
                  std::string(operand.tensor) + " at index " + std::to_string(index) + ", step " +
                  std::to_string(step),
              "nothing of this step was published; resume from the last checkpoint with a smaller "
              "optimizer.learning_rate, or look at the batch with `repro show RUN@STEP --batch`");
}

void check_finite(const Context& context, const Operand& operand, const float* x,
                  std::int64_t count, std::int64_t first) {
  const std::int64_t index = context.rows().find_non_finite(x, count);
  if (index >= 0) fail_non_finite(operand, first + index, context.step);
}

void check_finite_rows(const Context& context, const Operand& operand, const float* x,
                       std::int64_t rows, std::int64_t cols, std::int64_t ld,
                       std::int64_t first_row) {
  if (ld == cols) return check_finite(context, operand, x, rows * cols, first_row * cols);
  for (std::int64_t r = 0; r < rows; ++r) {
    check_finite(context, operand, x + r * ld, cols, (first_row + r) * cols);
  }
}

void fail_gradient_overflow(std::string_view tensor, std::int64_t index, std::int64_t step) {
  throw Error(Code::invalid_argument,
              "gradient of " + std::string(tensor) + " at index " + std::to_string(index) +
                  ", step " + std::to_string(step) + " does not fit its fixed point",
              "lower train.gradient_unit, or look for the cause of a gradient this large");
}

void name_gradient(std::string_view tensor, std::int64_t step, Error& error) {
  error.context("gradient of " + std::string(tensor) + ", step " + std::to_string(step));
}

}  // namespace repro::train
