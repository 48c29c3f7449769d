#include "train/device/context.h"

#include "artifacts/base/error.h"
#include "train/kernels/gemm_epilogue.h"

namespace repro::train {

std::int64_t* DeviceContext::watch_finite(std::string_view operation, std::string_view tensor,
                                          std::int64_t first) {
  return faults.watch([operation = std::string(operation), tensor = std::string(tensor), first,
                       at = step](std::int64_t index) {
    fail_non_finite({operation, tensor}, first + index, at);
  });
}

std::int64_t* DeviceContext::watch_gradient(std::string_view tensor, std::int64_t cols) {
  return faults.watch([tensor = std::string(tensor), cols, at = step](std::int64_t index) {
    fail_gradient_overflow(tensor, index % cols, at);
  });
}

std::int64_t* DeviceContext::watch_gradient_rows(std::string_view tensor, std::int64_t cols,
                                                 std::span<const std::int32_t> rows) {
  return faults.watch([tensor = std::string(tensor), cols, at = step,
                       rows = std::vector(rows.begin(), rows.end())](std::int64_t index) {
    const std::int64_t row = rows[static_cast<std::size_t>(index / cols)];
    fail_gradient_overflow(tensor, row * cols + index % cols, at);
  });
}

std::int64_t* DeviceContext::watch_product(std::string_view tensor, std::int64_t cols,
                                           const GemmOutput& output) {
  return faults.watch([tensor = std::string(tensor), cols, output, at = step](std::int64_t index) {
    try {
      fail_product(output, index / cols, index % cols);
    } catch (Error& error) {
      name_gradient(tensor, at, error);
      throw;
    }
  });
}

}  // namespace repro::train
