#include "train/nn/context.h"

#include <string>

#include "artifacts/base/error.h"

namespace repro::train {

void check_finite(const Context& context, std::string_view tensor, const float* x,
                  std::int64_t count) {
  const std::int64_t index = context.rows().find_non_finite(x, count);
  if (index < 0) return;
  throw Error(Code::invalid_argument,
              "non-finite value in " + std::string(tensor) + " at index " + std::to_string(index) +
                  ", step " + std::to_string(context.step),
              "nothing of this step was published; resume from the last checkpoint with a smaller "
              "optimizer.learning_rate, or look at the batch with `repro show RUN@STEP --batch`");
}

void check_finite_rows(const Context& context, std::string_view tensor, const float* x,
                       std::int64_t rows, std::int64_t cols, std::int64_t ld) {
  if (ld == cols) return check_finite(context, tensor, x, rows * cols);
  for (std::int64_t r = 0; r < rows; ++r) check_finite(context, tensor, x + r * ld, cols);
}

void fail_gradient_overflow(const Context& context, std::string_view tensor, std::int64_t index) {
  throw Error(Code::invalid_argument,
              "gradient of " + std::string(tensor) + " at index " + std::to_string(index) +
                  ", step " + std::to_string(context.step) + " does not fit its fixed point",
              "lower train.gradient_unit, or look for the cause of a gradient this large");
}

}  // namespace repro::train
