// The rest of row_programs.h: dotB's last step, gradients in fixed point, and whole vectors, cut
// into pieces of grid.h.
#pragma once

#include "train/kernels/cuda/row_programs.h"

namespace repro::train {

REPRO_HD std::int64_t unit_count(const FinishBlocksBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const FinishBlocksBatch& args, std::int64_t row) {
  const std::int32_t bound = args.bounds[row];
  finish_blocks(warp, args.blocks + row * args.cols, args.cols, bound == kNoExponent ? 0 : bound,
                args.softmax == nullptr ? 1.0F : args.softmax[row].sum,
                args.values + args.groups.place(row, args.ld));
}

REPRO_HD std::int64_t unit_count(const AddScaledBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const AddScaledBatch& args, std::int64_t row) {
  const std::int64_t source = args.index == nullptr ? row : args.index[row];
  if (source < 0) return;
  add_scaled_digits(warp, args.digits + source * args.ld_digits, args.exponents[source],
                    args.factors == nullptr ? 1.0F : args.factors[row], args.cols,
                    args.y + row * args.ld_y);
}

REPRO_HD std::int64_t unit_count(const AddUnitsBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const AddUnitsBatch& args, std::int64_t row) {
  const std::int64_t target = args.index[row];
  if (target < 0) return;
  const std::int64_t column =
      add_units(warp, args.x + row * args.ld, args.factors == nullptr ? 1.0F : args.factors[row],
                args.cols, args.unit, args.limit, args.units + target * args.cols);
  detail::report_first(warp, args.first_overflow, row * args.cols, column);
}

REPRO_HD std::int64_t unit_count(const PeaksBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const PeaksBatch& args, std::int64_t row) {
  const float* x = args.x + row * args.ld;
  const float most = from_bits(max_abs_bits(warp, x, args.cols));
  const float squares = sum_of_squares31(warp, x, args.cols);
  if (warp.first() == 0) {
    args.max_abs[row] = most;
    args.sumsq[row] = squares;
  }
}

REPRO_HD std::int64_t unit_count(const AddBatch& args) { return piece_count(args.count, kPiece); }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const AddBatch& args, std::int64_t i) {
  const Piece piece = piece_at(i, args.count, kPiece);
  add_vectors(warp, args.a + piece.begin, args.b + piece.begin, piece.size, args.sum + piece.begin);
}

REPRO_HD std::int64_t unit_count(const AdamwArgs& args) { return piece_count(args.count, kPiece); }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const AdamwArgs& args, std::int64_t i) {
  const Piece piece = piece_at(i, args.count, kPiece);
  AdamwArgs part = args;
  part.w += piece.begin;
  part.m += piece.begin;
  part.v += piece.begin;
  part.gradient += piece.begin;
  part.count = piece.size;
  adamw(warp, part);
}

REPRO_HD std::int64_t unit_count(const SumSquaresBatch& args) {
  return piece_count(args.count, kPiece);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const SumSquaresBatch& args, std::int64_t i) {
  const Piece piece = piece_at(i, args.count, kPiece);
  Sum192 part;
  sum_squares(warp, args.values + piece.begin, piece.size, &part);
  if (warp.first() == 0) args.parts[i] = part;
}

// One warp adds all parts: there is one for every kPiece values.
REPRO_HD std::int64_t unit_count(const SumPartsBatch&) { return 1; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const SumPartsBatch& args, std::int64_t /*unit*/) {
  Sum192 sum;
  for (std::int64_t i = warp.first(); i < args.count; i += warp.stride()) {
    add192(sum.limb, args.parts[i].limb);
  }
  detail::sum_limbs(warp, sum.limb);
  if (warp.first() == 0) *args.total = sum;
}

REPRO_HD std::int64_t unit_count(const FindNonFiniteBatch& args) {
  return piece_count(args.count, kPiece);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const FindNonFiniteBatch& args, std::int64_t i) {
  const Piece piece = piece_at(i, args.count, kPiece);
  detail::report_first(warp, args.first_non_finite, piece.begin,
                       find_non_finite(warp, args.x + piece.begin, piece.size));
}

}  // namespace repro::train
