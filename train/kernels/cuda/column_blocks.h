// The geometry of matrices that are contracted over their rows: which operand, columns and rows a
// unit of work is. Plain integers, for host and device.
#pragma once

#include "train/kernels/cuda/grid.h"
#include "train/kernels/cuda/split_gemm.h"

namespace repro::train {

// How a matrix [depth, cols] that is contracted over its rows is cut: into blocks of `block` rows,
// each an operand [cols, 2 * padded_depth(block)]; the last one is filled up with zeros. Several
// matrices (heads) lie side by side: [blocks][matrices][cols, ...].
struct ColumnBlocks {
  std::int64_t depth = 0, cols = 0;
  std::int64_t block = 0;
  std::int64_t matrices = 1;

  REPRO_HD std::int64_t blocks() const { return piece_count(depth, block); }
  REPRO_HD std::int64_t padded() const { return padded_depth(block); }
  REPRO_HD std::int64_t operands() const { return blocks() * matrices; }
  REPRO_HD std::int64_t split_size() const { return operands() * cols * 2 * padded(); }
};

namespace detail {

// One unit of a program over columns: up to 32 columns, kDepthPiece rows of one block.
inline constexpr std::int64_t kDepthPiece = 64;  // a multiple of kSplitAlignment
struct ColumnUnit {
  std::int64_t operand = 0;  // block * matrices + matrix
  std::int64_t block = 0, matrix = 0;
  std::int64_t column = 0, columns = 0;
  std::int64_t row = 0, rows = 0;  // within the block's padded depth
};
REPRO_HD std::int64_t column_units(const ColumnBlocks& shape) {
  return shape.operands() * piece_count(shape.cols, kColumnPiece) *
         piece_count(shape.padded(), kDepthPiece);
}
REPRO_HD ColumnUnit column_unit(const ColumnBlocks& shape, std::int64_t index) {
  const std::int64_t column_pieces = piece_count(shape.cols, kColumnPiece);
  const std::int64_t row_pieces = piece_count(shape.padded(), kDepthPiece);
  ColumnUnit unit;
  const Piece rows = piece_at(index % row_pieces, shape.padded(), kDepthPiece);
  const Piece columns = piece_at(index / row_pieces % column_pieces, shape.cols, kColumnPiece);
  unit.operand = index / row_pieces / column_pieces;
  unit.block = unit.operand / shape.matrices;
  unit.matrix = unit.operand % shape.matrices;
  unit.column = columns.begin;
  unit.columns = columns.size;
  unit.row = rows.begin;
  unit.rows = rows.size;
  return unit;
}

}  // namespace detail

}  // namespace repro::train
