#include "train/kernels/double_gemm.h"

#include <algorithm>

#include "train/kernels/gemm_epilogue.h"
#include "train/kernels/scratch.h"

namespace repro::train {
namespace {

constexpr std::int64_t kBlockDepth = 1024;

struct Scratch {
  ScratchArray<double> a;
  ScratchArray<double> b;
  ScratchArray<double> product;
  ScratchArray<double> sums;
};

// rows x depth of the view, from (row, first), as row-major doubles.
void widen(const DigitView& view, const std::int16_t* data, std::int64_t row, std::int64_t rows,
           std::int64_t first, std::int64_t depth, double* out) {
  const std::int16_t* from = data + row * view.row_stride + first * view.depth_stride;
  if (view.depth_stride == 1) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t d = 0; d < depth; ++d) out[r * depth + d] = from[r * view.row_stride + d];
    }
    return;
  }
  for (std::int64_t d = 0; d < depth; ++d) {
    for (std::int64_t r = 0; r < rows; ++r) {
      out[r * depth + d] = from[r * view.row_stride + d * view.depth_stride];
    }
  }
}

// One rectangle of C: at most kMaxTaskRows x kMaxTaskCols.
class Rectangle {
 public:
  Rectangle(DoubleGemm multiply, std::int64_t m0, std::int64_t rows, std::int64_t n0,
            std::int64_t cols, Scratch& scratch)
      : multiply_(multiply), m0_(m0), rows_(rows), n0_(n0), cols_(cols), scratch_(scratch) {}

  // S, row-major with `cols` columns.
  const double* sum(std::int64_t k, const DigitView& a, const std::int16_t* a_low,
                    const DigitView& b) {
    double* sums = scratch_.sums.reserve(rows_ * cols_);
    std::fill(sums, sums + rows_ * cols_, 0.0);
    for (std::int64_t depth = 0; depth < k; depth += kBlockDepth) {
      const std::int64_t size = std::min(kBlockDepth, k - depth);
      double* wide_b = scratch_.b.reserve(cols_ * size);
      widen(b, b.data, n0_, cols_, depth, size, wide_b);
      add(a, a.data, depth, size, a_low != nullptr ? 0x1p14 : 1.0, sums);
      if (a_low != nullptr) add(a, a_low, depth, size, 1.0, sums);
    }
    return sums;
  }

 private:
  void add(const DigitView& a, const std::int16_t* data, std::int64_t depth, std::int64_t size,
           double factor, double* sums) {
    double* wide_a = scratch_.a.reserve(rows_ * size);
    widen(a, data, m0_, rows_, depth, size, wide_a);
    double* product = scratch_.product.reserve(rows_ * cols_);
    multiply_(rows_, cols_, size, wide_a, scratch_.b.reserve(cols_ * size), product);
    // Starting from +0, a sum that is zero stays +0 whatever zero the product gave.
    for (std::int64_t i = 0; i < rows_ * cols_; ++i) sums[i] += factor * product[i];
  }

  DoubleGemm multiply_;
  std::int64_t m0_;
  std::int64_t rows_;
  std::int64_t n0_;
  std::int64_t cols_;
  Scratch& scratch_;
};

}  // namespace

void plain_double_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const double* a,
                       const double* b, double* c) {
  // B is turned so that the inner loop runs over outputs: a compiler may vectorise that.
  thread_local ScratchArray<double> buffer;
  double* turned = buffer.reserve(n * k);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t d = 0; d < k; ++d) turned[d * n + j] = b[j * k + d];
  }
  std::fill(c, c + m * n, 0.0);
  for (std::int64_t i = 0; i < m; ++i) {
    double* row = c + i * n;
    std::int64_t d = 0;
    for (; d + 4 <= k; d += 4) {
      const double* x = a + i * k + d;
      const double* y = turned + d * n;
      for (std::int64_t j = 0; j < n; ++j) {
        row[j] += x[0] * y[j] + x[1] * y[n + j] + x[2] * y[2 * n + j] + x[3] * y[3 * n + j];
      }
    }
    for (; d < k; ++d) {
      for (std::int64_t j = 0; j < n; ++j) row[j] += a[i * k + d] * turned[d * n + j];
    }
  }
}

void DoublePath::run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a,
                     const DigitView& b, const GemmOutput& output, Parallel& parallel) const {
  check_gemm(m, n, k, a, b, output);
  if (m == 0 || n == 0) return;
  GemmEpilogue epilogue(output, epilogue_, n);
  const std::int64_t down = (m - 1) / kMaxTaskRows + 1;
  const std::int64_t across = (n - 1) / kMaxTaskCols + 1;
  const auto task = [&](std::int64_t i) {
    const std::int64_t m0 = i / across * kMaxTaskRows;
    const std::int64_t rows = std::min(kMaxTaskRows, m - m0);
    const std::int64_t n0 = i % across * kMaxTaskCols;
    const std::int64_t cols =
        std::min({kMaxTaskCols, n - n0, epilogue.visible_columns(m0 + rows - 1) - n0});
    if (cols <= 0) return;
    thread_local Scratch scratch;
    TaskScales scales;
    epilogue.prepare(m0, rows, n0, cols, scales);
    Rectangle rectangle(multiply_, m0, rows, n0, cols, scratch);
    epilogue.apply(scales, m0, rows, n0, cols, rectangle.sum(k, a, output.a_low, b), cols);
  };
  parallel.run(down * across, std::ref(task));
  epilogue.throw_if_trapped();
}

}  // namespace repro::train
