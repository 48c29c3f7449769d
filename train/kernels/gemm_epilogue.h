// From exact sums S to the output of a product: scales, masks, traps. One object per call of
// GemmPath::run; `apply` may be called from many threads at once on different elements.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "train/kernels/gemm.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {

// Largest rectangle of C that one task works on.
inline constexpr std::int64_t kMaxTaskRows = 128;
inline constexpr std::int64_t kMaxTaskCols = 128;

// Throws Error(invalid_argument) for sizes, strides or pointers that gemm.h does not allow.
void check_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a,
                const DigitView& b, const GemmOutput& output);

// Throws Error(invalid_argument) for element (m, n), whose addend was too large.
[[noreturn]] void fail_product(const GemmOutput& output, std::int64_t m, std::int64_t n);

// A rectangle of C with its scales as binary64 powers of two.
struct TaskScales {
  std::int64_t m0 = 0;
  std::int64_t n0 = 0;
  bool fast = false;  // every scale lies where products with any S are exact
  std::array<double, kMaxTaskRows> row;
  std::array<double, kMaxTaskCols> column;
};

class GemmEpilogue {
 public:
  // Keeps references: both arguments must outlive the object. `n` is the width of C.
  GemmEpilogue(const GemmOutput& output, const EpilogueKernels& kernels, std::int64_t n);

  void prepare(std::int64_t m0, std::int64_t rows, std::int64_t n0, std::int64_t cols,
               TaskScales& scales) const;

  // Puts S of rows [m0, m0 + rows) and columns [n0, n0 + cols), a part of what `scales` was
  // prepared for, into the output; masked elements are left alone.
  void apply(const TaskScales& scales, std::int64_t m0, std::int64_t rows, std::int64_t n0,
             std::int64_t cols, const double* s, std::int64_t ld);

  // One past the last column that row m may write, at most n.
  std::int64_t visible_columns(std::int64_t m) const;

  // Error(invalid_argument) naming the first addend, in row-major order, that was too large.
  void throw_if_trapped() const;

 private:
  void apply_rectangle(const TaskScales& scales, std::int64_t m0, std::int64_t rows,
                       std::int64_t n0, std::int64_t cols, const double* s, std::int64_t ld);
  void apply_slowly(std::int64_t m0, std::int64_t rows, std::int64_t n0, std::int64_t cols,
                    const double* s, std::int64_t ld);
  void trap(std::int64_t index);

  const GemmOutput& output_;
  const EpilogueKernels& kernels_;
  std::int64_t n_;
  double fast_bound_;
  std::atomic<std::int64_t> first_trap_;
};

}  // namespace repro::train
