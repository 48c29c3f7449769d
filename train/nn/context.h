// What every exact operation needs: the kernels to use, the threads, and the step for messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "train/kernels/gemm.h"
#include "train/kernels/parallel.h"
#include "train/kernels/paths.h"

namespace repro::train {

struct Context {
  KernelPath path;
  Parallel* parallel = nullptr;
  std::int64_t step = 0;  // the update under way, for messages

  const RowKernels& rows() const { return *path.rows; }
  const GemmPath& gemm() const { return *path.gemm; }
};

// Throws Error(invalid_argument) "non-finite value in TENSOR at index I, step S" if x has a NaN or
// an infinity. Called on every tensor before it is quantised: digits cannot show one.
void check_finite(const Context& context, std::string_view tensor, const float* x,
                  std::int64_t count);

// The same for [rows, cols] with leading dimension `ld`.
void check_finite_rows(const Context& context, std::string_view tensor, const float* x,
                       std::int64_t rows, std::int64_t cols, std::int64_t ld);

// A term that does not fit the gradient's fixed point (docs/arithmetic.md, "Gradients").
[[noreturn]] void fail_gradient_overflow(const Context& context, std::string_view tensor,
                                         std::int64_t index);

}  // namespace repro::train
