// Operands that are contracted over the rows of a matrix: read row by row, a column a lane, 16
// digits written at a time. Written as row_programs.h says.
#pragma once

#include "train/kernels/cuda/column_blocks.h"
#include "train/kernels/cuda/split_gemm.h"
#include "train/kernels/generic/quantize_rows.h"

namespace repro::train {

namespace detail {

struct alignas(16) SixteenDigits {
  std::int8_t values[16];
};

// A lane writes its columns' digits of one unit; digit(row of the matrix, column) is called for
// rows below the depth, once each.
template <class Warp, class Digit>
REPRO_HD void split_unit(const Warp& warp, const ColumnBlocks& shape, const ColumnUnit& unit,
                         bool low_first, std::int8_t* split, const Digit& digit) {
  const std::int64_t padded = shape.padded();
  const std::int64_t before = unit.block * shape.block;
  const std::int64_t size = smaller(shape.block, shape.depth - before);
  for (std::int64_t c = warp.first(); c < unit.columns; c += warp.stride()) {
    std::int8_t* row = split + (unit.operand * shape.cols + unit.column + c) * 2 * padded;
    for (std::int64_t begin = unit.row; begin < unit.row + unit.rows; begin += kSplitAlignment) {
      SixteenDigits high;
      SixteenDigits low;
      for (std::int64_t i = 0; i < kSplitAlignment; ++i) {
        SplitDigit q;
        if (begin + i < size) q = split_digit(digit(before + begin + i, unit.column + c));
        high.values[i] = q.high;
        low.values[i] = q.low;
      }
      *reinterpret_cast<SixteenDigits*>(row + (low_first ? padded : 0) + begin) = high;
      *reinterpret_cast<SixteenDigits*>(row + (low_first ? 0 : padded) + begin) = low;
    }
  }
}

}  // namespace detail

// Digits that are there: weights, inputs and heads, transposed. Matrix h is columns
// [h * cols, (h + 1) * cols).
struct SplitColumnsBatch {
  const std::int16_t* digits = nullptr;  // [depth, matrices * cols], ld
  std::int64_t ld = 0;
  ColumnBlocks shape;
  bool low_first = true;
  std::int8_t* split = nullptr;  // 16-byte aligned
};

REPRO_HD std::int64_t unit_count(const SplitColumnsBatch& args) {
  return detail::column_units(args.shape);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const SplitColumnsBatch& args, std::int64_t i) {
  const detail::ColumnUnit unit = detail::column_unit(args.shape, i);
  const std::int16_t* digits = args.digits + unit.matrix * args.shape.cols;
  detail::split_unit(
      warp, args.shape, unit, args.low_first, args.split,
      [&](std::int64_t row, std::int64_t column) { return digits[row * args.ld + column]; });
}

// Floats whose columns are quantised, each block by itself, the rows' exponents folded in. First
// the columns' exponents (which must hold kEmptyExponent before), then their digits.
struct FoldedColumns {
  const float* x = nullptr;  // matrix h at x + h * x_stride, [depth, cols], ld
  std::int64_t x_stride = 0, ld = 0;
  const std::int32_t* fold = nullptr;  // row r of matrix h: fold[h * fold_stride + r]
  std::int64_t fold_stride = 0;
  ColumnBlocks shape;
  std::int32_t* exponents = nullptr;  // [blocks][matrices][cols]

  REPRO_HD const float* row(std::int64_t matrix, std::int64_t r) const {
    return x + matrix * x_stride + r * ld;
  }
  REPRO_HD std::int32_t row_fold(std::int64_t matrix, std::int64_t r) const {
    return fold[matrix * fold_stride + r];
  }
};
struct ColumnExponentsBatch {
  FoldedColumns columns;
};
struct QuantizeColumnsSplitBatch {
  FoldedColumns columns;
  std::int8_t* split = nullptr;  // highs first; 16-byte aligned
};

REPRO_HD std::int64_t unit_count(const ColumnExponentsBatch& args) {
  return detail::column_units(args.columns.shape);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const ColumnExponentsBatch& args, std::int64_t i) {
  const ColumnBlocks& shape = args.columns.shape;
  const detail::ColumnUnit unit = detail::column_unit(shape, i);
  const std::int64_t before = unit.block * shape.block;
  const std::int64_t size = smaller(shape.block, shape.depth - before);
  for (std::int64_t c = warp.first(); c < unit.columns; c += warp.stride()) {
    std::int32_t most = detail::kDropped;
    for (std::int64_t r = unit.row; r < smaller(unit.row + unit.rows, size); ++r) {
      most = larger(
          most, detail::element_exponent(args.columns.row(unit.matrix, before + r)[unit.column + c],
                                         args.columns.row_fold(unit.matrix, before + r)));
    }
    if (most == detail::kDropped) continue;
    warp.raise(args.columns.exponents + unit.operand * shape.cols + unit.column + c, most);
  }
}

REPRO_HD std::int64_t unit_count(const QuantizeColumnsSplitBatch& args) {
  return detail::column_units(args.columns.shape);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const QuantizeColumnsSplitBatch& args, std::int64_t i) {
  const ColumnBlocks& shape = args.columns.shape;
  const detail::ColumnUnit unit = detail::column_unit(shape, i);
  const std::int32_t* exponents = args.columns.exponents + unit.operand * shape.cols;
  detail::split_unit(
      warp, shape, unit, false, args.split, [&](std::int64_t row, std::int64_t column) {
        return column_digit(args.columns.row(unit.matrix, row)[column],
                            args.columns.row_fold(unit.matrix, row), exponents[column]);
      });
}

}  // namespace repro::train
