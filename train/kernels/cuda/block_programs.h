// dotB on a GPU (docs/arithmetic.md): rows quantised block by block, and the sums of blocks of
// products added up. Written as row_programs.h says.
#pragma once

#include "train/kernels/cuda/split_gemm.h"
#include "train/kernels/generic/quantize_rows.h"

namespace repro::train {

// Rows cut into blocks of columns, each quantised by itself: q15, or q29 where `low` is not null.
// Rows come in groups (heads) that share a fold. Operands [blocks][rows, 2 * padded_depth(block)].
struct QuantizeBlocksBatch {
  const float* x = nullptr;  // [rows, cols], ld
  std::int64_t rows = 0, cols = 0, ld = 0;
  std::int64_t block = 0;
  const std::int32_t* fold = nullptr;  // [cols] of group g: fold + g * fold_stride
  std::int64_t group_rows = 0, fold_stride = 0;
  std::int8_t* high = nullptr;        // the first digit, its highs first
  std::int8_t* low = nullptr;         // the second, the same
  std::int32_t* exponents = nullptr;  // [blocks][rows]

  REPRO_HD std::int64_t blocks() const { return piece_count(cols, block); }
};

REPRO_HD std::int64_t unit_count(const QuantizeBlocksBatch& args) {
  return args.rows * args.blocks();
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const QuantizeBlocksBatch& args, std::int64_t i) {
  const std::int64_t padded = padded_depth(args.block);
  const std::int64_t row = i / args.blocks();
  const Piece piece = piece_at(i % args.blocks(), args.cols, args.block);
  const std::int64_t operand_row = i % args.blocks() * args.rows + row;
  const float* x = args.x + row * args.ld + piece.begin;
  const std::int32_t* fold = args.fold + row / args.group_rows * args.fold_stride + piece.begin;
  const std::int32_t exponent = detail::row_exponent(warp, x, fold, piece.size);
  if (warp.first() == 0) args.exponents[operand_row] = exponent;
  std::int8_t* high = args.high + operand_row * 2 * padded;
  std::int8_t* low = args.low == nullptr ? nullptr : args.low + operand_row * 2 * padded;
  for (std::int64_t c = warp.first(); c < padded; c += warp.stride()) {
    SplitDigit first;
    SplitDigit second;
    if (c < piece.size && exponent != kNoExponent) {
      const float scaled =
          scaled_to_digit(x[c], split_scale(13 - exponent + larger(fold[c], kFarBelow)));
      const std::int32_t q = digit15(scaled);
      first = split_digit(static_cast<std::int16_t>(q));
      second = split_digit(static_cast<std::int16_t>(second_digit(scaled, q)));
    }
    high[c] = first.high;
    high[padded + c] = first.low;
    if (low != nullptr) {
      low[c] = second.high;
      low[padded + c] = second.low;
    }
  }
}

// dotB: the sums of blocks of products, each rounded once into int64, added up
// (docs/arithmetic.md).
struct AddBlocksBatch {
  DigitSums first;
  DigitSums second;  // of q29's second digit; null pointers for q15
  std::int64_t blocks = 0, rows = 0, cols = 0, ld_sums = 0;
  const std::int32_t* exponents = nullptr;  // [blocks][rows]
  const std::int32_t* bounds = nullptr;     // U of every row; kNoExponent: its sums are 0
  std::int64_t* integers = nullptr;         // [rows, cols] +=
  RowGroups groups;                         // of bounds and integers, in rows
  std::int64_t* first_trap = nullptr;       // lowered to the first index of integers
};

REPRO_HD std::int64_t unit_count(const AddBlocksBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const AddBlocksBatch& args, std::int64_t row) {
  const bool second = args.second.high != nullptr;
  const std::int64_t target = args.groups.place(row, 1);
  const std::int32_t bound = args.bounds[target];
  // A second digit counts in 2^-14 of the first.
  const std::int32_t shift = block_shift(bound) - (second ? 14 : 0);
  GemmOutput output;
  output.kind = GemmOutput::Kind::add_blocks;
  output.integers = args.integers + target * args.cols;
  output.shift = &shift;
  for (std::int64_t n = warp.first(); n < args.cols; n += warp.stride()) {
    for (std::int64_t b = 0; b < args.blocks; ++b) {
      const std::int64_t at = (b * args.rows + row) * args.ld_sums + n;
      std::int64_t s = args.first.at(at);
      if (second) s = s * (1 << 14) + args.second.at(at);
      output.a_exponent = args.exponents + b * args.rows + row;
      if (!put_sum(output, 0, n, static_cast<double>(s))) {
        warp.lower(args.first_trap, target * args.cols + n);
      }
    }
  }
}

}  // namespace repro::train
