// What every exact operation needs: the kernels to use, the threads, and the step for messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "artifacts/base/error.h"
#include "train/kernels/gemm.h"
#include "train/kernels/parallel.h"
#include "train/kernels/paths.h"
#include "train/nn/peaks.h"

namespace repro::train {

// A path's product as a span of the trace.
class TracedGemm {
 public:
  TracedGemm(const GemmPath& path, Trace* trace) : path_(path), trace_(trace) {}
  // As GemmPath::run.
  void run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a, const DigitView& b,
           const GemmOutput& output, Parallel& parallel) const;

 private:
  const GemmPath& path_;
  Trace* trace_;
};

struct Context {
  KernelPath path;
  Parallel* parallel = nullptr;
  std::int64_t step = 0;   // the update under way, for messages
  Peaks* peaks = nullptr;  // notes what is quantised unfolded, where not null

  const RowKernels& rows() const { return *path.rows; }
  TracedGemm gemm() const { return {*path.gemm, trace()}; }
  Trace* trace() const { return parallel->trace(); }
};

// Which operation looks at which tensor, for messages.
struct Operand {
  std::string_view operation;
  std::string_view tensor;
};

// Throws Error(invalid_argument) "non-finite value in OPERATION: TENSOR at index I, step S".
[[noreturn]] void fail_non_finite(const Operand& operand, std::int64_t index, std::int64_t step);

// Does so if x
// has a NaN or an infinity; I is `first` plus the index of the first one in x. Called on every
// tensor before it is quantised: digits cannot show one. A caller that cuts a tensor into tasks
// gives each its `first`; as the lowest task's error wins, the same I is named whatever the
// threads.
void check_finite(const Context& context, const Operand& operand, const float* x,
                  std::int64_t count, std::int64_t first = 0);

// The same for rows [first_row, first_row + rows) of a matrix with `cols` columns; x points to row
// `first_row`, `ld` elements from row to row.
void check_finite_rows(const Context& context, const Operand& operand, const float* x,
                       std::int64_t rows, std::int64_t cols, std::int64_t ld,
                       std::int64_t first_row);

// A term that does not fit the gradient's fixed point (docs/arithmetic.md, "Gradients"): `index`
// is that of the gradient's element.
[[noreturn]] void fail_gradient_overflow(std::string_view tensor, std::int64_t index,
                                         std::int64_t step);

// Adds to the error of a product that traps (its row and column) whose gradient it was.
void name_gradient(std::string_view tensor, std::int64_t step, Error& error);

}  // namespace repro::train
