// Memory filled and gathered, heads quantised, and heads split for products over their width.
// Written as row_programs.h says.
#pragma once

#include "train/kernels/cuda/split_gemm.h"
#include "train/kernels/cuda/vector_programs.h"

namespace repro::train {

// Memory that atomics start from: kNoIndex, kEmptyExponent.
template <class T>
struct FillBatch {
  T* values = nullptr;
  std::int64_t count = 0;
  T value = 0;
};
using FillExponents = FillBatch<std::int32_t>;
using FillIndices = FillBatch<std::int64_t>;

template <class T>
REPRO_HD std::int64_t unit_count(const FillBatch<T>& args) {
  return piece_count(args.count, kPiece);
}
template <class Warp, class T>
REPRO_HD void run_unit(const Warp& warp, const FillBatch<T>& args, std::int64_t i) {
  const Piece piece = piece_at(i, args.count, kPiece);
  for (std::int64_t j = warp.first(); j < piece.size; j += warp.stride()) {
    args.values[piece.begin + j] = args.value;
  }
}

// Rows of a table: to[r] = table[index[r]].
struct GatherBatch {
  const float* table = nullptr;         // [*, cols]
  const std::int32_t* index = nullptr;  // [rows]
  std::int64_t rows = 0, cols = 0;
  float* to = nullptr;  // [rows, cols]
};

REPRO_HD std::int64_t unit_count(const GatherBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const GatherBatch& args, std::int64_t row) {
  const float* from = args.table + std::int64_t{args.index[row]} * args.cols;
  for (std::int64_t i = warp.first(); i < args.cols; i += warp.stride()) {
    args.to[row * args.cols + i] = from[i];
  }
}

// q15 of each head of rows [rows, heads * head_dim]. first_non_finite, where not null, is lowered
// to the first row * (heads * head_dim) + column that is not finite. A matrix is one head.
struct QuantizeHeadsBatch {
  const float* x = nullptr;  // ld
  std::int64_t rows = 0, heads = 1, head_dim = 0, ld = 0;
  const std::int32_t* fold = nullptr;  // [head_dim] or null
  std::int16_t* digits = nullptr;      // [rows, heads * head_dim], packed
  std::int32_t* exponents = nullptr;   // [heads][rows]
  std::int64_t* first_non_finite = nullptr;
  std::int8_t* split = nullptr;  // as SplitHeadsBatch, highs first, in the same pass; or null
};

REPRO_HD std::int64_t unit_count(const QuantizeHeadsBatch& args) { return args.rows * args.heads; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const QuantizeHeadsBatch& args, std::int64_t i) {
  const std::int64_t row = i / args.heads;
  const std::int64_t head = i % args.heads;
  const std::int64_t width = args.heads * args.head_dim;
  const float* x = args.x + row * args.ld + head * args.head_dim;
  if (args.first_non_finite != nullptr) {
    detail::report_first(warp, args.first_non_finite, row * width + head * args.head_dim,
                         find_non_finite(warp, x, args.head_dim));
  }
  quantize_row(warp,
               QuantizeRowsArgs{x, 1, args.head_dim, args.ld, args.fold,
                                args.digits + row * width + head * args.head_dim, nullptr,
                                args.head_dim, args.exponents + head * args.rows + row},
               0);
  if (args.split == nullptr) return;
  // A lane splits the digits that it wrote.
  detail::split_row(warp, args.digits + row * width + head * args.head_dim, args.head_dim, false,
                    args.split + (head * args.rows + row) * 2 * padded_depth(args.head_dim));
}

// Digits [rows, heads * head_dim] as one operand a head, contracted over head_dim:
// [heads][rows, 2 * padded_depth(head_dim)].
struct SplitHeadsBatch {
  const std::int16_t* digits = nullptr;  // ld
  std::int64_t rows = 0, heads = 1, head_dim = 0, ld = 0;
  bool low_first = false;
  std::int8_t* split = nullptr;
};

REPRO_HD std::int64_t unit_count(const SplitHeadsBatch& args) { return args.rows * args.heads; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const SplitHeadsBatch& args, std::int64_t i) {
  const std::int64_t row = i / args.heads;
  const std::int64_t head = i % args.heads;
  detail::split_row(warp, args.digits + row * args.ld + head * args.head_dim, args.head_dim,
                    args.low_first,
                    args.split + (head * args.rows + row) * 2 * padded_depth(args.head_dim));
}

}  // namespace repro::train
