#include "tests/train/kernels/emulated/cuda_digits.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "tests/train/rows/serial_warp.h"
#include "train/kernels/cuda/column_programs.h"
#include "train/kernels/cuda/head_programs.h"
#include "train/kernels/gemm_epilogue.h"

namespace repro::train {
namespace {

using Bytes = std::vector<std::int8_t>;
using Sums = std::vector<std::int32_t>;

// Part of an operand, as the device splits it: along its rows, or turned.
Bytes split(const DigitView& view, std::int64_t rows, std::int64_t begin, std::int64_t depth,
            bool low_first) {
  Bytes bytes(static_cast<std::size_t>(rows * 2 * padded_depth(depth)), 77);
  if (depth == 0) return bytes;
  const std::int16_t* digits = view.data + begin * view.depth_stride;
  if (view.depth_stride == 1) {
    run_units(SerialWarp(),
              SplitHeadsBatch{digits, rows, 1, depth, view.row_stride, low_first, bytes.data()});
  } else {
    run_units(SerialWarp(),
              SplitColumnsBatch{
                  digits, view.depth_stride, {depth, rows, depth, 1}, low_first, bytes.data()});
  }
  return bytes;
}

// What a library's product does: K-major, its first column and ld given.
struct Int8Product {
  const std::int8_t* a = nullptr;
  const std::int8_t* b = nullptr;
  std::int64_t m = 0, n = 0, depth = 0, ld = 0;

  Sums run() const {
    Sums sums(static_cast<std::size_t>(m * n));
    for (std::int64_t i = 0; i < m * n; ++i) {
      sums[static_cast<std::size_t>(i)] = dot(a + i / n * ld, b + i % n * ld);
    }
    return sums;
  }

 private:
  std::int32_t dot(const std::int8_t* x, const std::int8_t* y) const {
    std::int64_t sum = 0;
    std::int64_t size = 0;  // no order of additions leaves [-size, size]
    for (std::int64_t k = 0; k < depth; ++k) {
      const std::int32_t product = x[k] * y[k];
      sum += product;
      size += std::abs(product);
    }
    if (size > INT32_MAX) throw std::overflow_error("an int32 cannot hold this sum");
    return static_cast<std::int32_t>(sum);
  }
};

class CudaDigits : public GemmPath {
 public:
  std::string_view name() const override { return "cuda digits (emulated)"; }

  void run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a, const DigitView& b,
           const GemmOutput& output, Parallel&) const override {
    check_gemm(m, n, k, a, b, output);
    if (m == 0 || n == 0) return;
    std::vector<std::int64_t> sums(static_cast<std::size_t>(m * n));
    std::int64_t first_trap = kNoIndex;
    JoinBatch join;
    join.rows = m;
    join.cols = n;
    join.ld_sums = n;
    join.sums = sums.data();
    join.output = output;
    join.first_trap = &first_trap;
    for (const bool low : {false, true}) {
      if (low && output.a_low == nullptr) break;
      DigitView digits = a;
      if (low) digits.data = output.a_low;
      join.factor = output.a_low != nullptr && !low ? 1 << 14 : 1;
      const std::int64_t end = std::max<std::int64_t>(k, 1);
      for (std::int64_t begin = 0; begin < end; begin += kSplitDepth) {
        join.first = begin == 0 && !low;
        join.last = begin + kSplitDepth >= end && (low || output.a_low == nullptr);
        add_part(digits, b, begin, std::min(kSplitDepth, k - begin), join);
      }
    }
    if (first_trap != kNoIndex) fail_product(output, first_trap / n, first_trap % n);
  }

 private:
  static void add_part(const DigitView& a, const DigitView& b, std::int64_t begin,
                       std::int64_t depth, JoinBatch join) {
    const Bytes x = split(a, join.rows, begin, depth, false);
    const Bytes y = split(b, join.cols, begin, depth, true);
    const std::int64_t padded = padded_depth(depth);
    const std::int64_t ld = 2 * padded;
    const auto product = [&](std::int64_t from_a, std::int64_t from_b, std::int64_t length) {
      return Int8Product{x.data() + from_a, y.data() + from_b, join.rows, join.cols, length, ld}
          .run();
    };
    const Sums high = product(0, padded, padded);
    const Sums cross = product(0, 0, ld);
    const Sums low = product(padded, 0, padded);
    join.products = {high.data(), cross.data(), low.data()};
    run_units(SerialWarp(), join);
  }
};

}  // namespace

const GemmPath& cuda_digits_path() {
  static const CudaDigits path;
  return path;
}

}  // namespace repro::train
