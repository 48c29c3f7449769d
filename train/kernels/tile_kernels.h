// What one instruction set has to provide for exact matrix products: packing, one register tile,
// and the last step from S to the output. The driver around it (packed_gemm.h) is the same for all.
//
// Plain data only: the files that fill these tables are compiled for one instruction set, and an
// inline function of the standard library in them could end up in programs for older machines.
#pragma once

#include <cstdint>

namespace repro::train {

// Depth is counted in pairs (two int16, or four int8, in one int32) and padded with zeros to whole
// blocks, or to PackedKernels::depth_unit.
inline constexpr std::int64_t kPairsPerBlock = 8;
inline constexpr std::int64_t kDepthPerBlock = 2 * kPairsPerBlock;
// Two blocks: over so much depth an int32 may hold a partial sum if the norms allow it (see below).
inline constexpr std::int64_t kBlocksPerWindow = 2;
// Rows are packed in units of so many, so panels are allocated for a multiple of it.
inline constexpr std::int64_t kRowUnit = 8;

// Packs rows [0, rows) and depth [0, depth) of an operand into panels of `width` rows, one int32
// for each pair of each row. Panel i begins at panels + i * panel_stride; inside, a kernel may
// arrange depth and rows as its tile reads them: all but AMX put pair p of row r at
// p * width + r % width. Missing rows, up to a multiple of max(width, kRowUnit), and missing depth
// become zeros.
//
// norms[panel] is an upper bound on (sum of q*q over one window) / 16 for every row and every
// aligned window of the panel. By Cauchy and Schwarz a window's sum of products stays within int32
// where norm_a * norm_b < 2^54, whatever single digits are.
struct PackArgs {
  const std::int16_t* source = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t depth_stride = 0;
  std::int64_t rows = 0;
  std::int64_t depth = 0;
  std::int32_t* panels = nullptr;
  std::int64_t panel_stride = 0;
  std::uint32_t* norms = nullptr;
};

// s[r*ld + c] = factor * S(r, c), plus the old s where `accumulate`; S over `blocks` blocks of
// packed depth, at most 2^19 digits deep.
struct TileArgs {
  const std::int32_t* a = nullptr;  // one panel of a_width rows
  const std::int32_t* b = nullptr;  // one panel of b_width rows
  std::int64_t blocks = 0;
  bool wide = false;  // the norms allow int32 sums over whole windows
  bool accumulate = false;
  double factor = 1;
  double* s = nullptr;  // all of a_width x b_width is written
  std::int64_t ld = 0;
};

// s[r*ld + c] = S(r, c) of digits as they lie, contiguous in depth (any up to 2^24): for products
// of so few rows that packing the other operand would cost more than the product.
struct DotsArgs {
  const std::int16_t* a = nullptr;
  std::int64_t a_stride = 0;  // from row to row
  std::int64_t rows = 0;
  const std::int16_t* b = nullptr;
  std::int64_t b_stride = 0;
  std::int64_t cols = 0;
  std::int64_t depth = 0;
  double* s = nullptr;
  std::int64_t ld = 0;
};

// A block of scaled sums: v(r, c) = (s[r*ld + c] * column_scale[c]) * row_scale[r], which is exact.
struct ScaledBlock {
  const double* s = nullptr;
  std::int64_t ld = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const double* row_scale = nullptr;
  const double* column_scale = nullptr;
};

struct EpilogueKernels {
  // values[r*ld + c] = rne32(v).
  void (*store_floats)(const ScaledBlock& block, float* values, std::int64_t ld);
  // integers[r*ld + c] += rne(v) and true, if every |v| < bound (at most 2^51); else false, and
  // nothing is added.
  bool (*add_integers)(const ScaledBlock& block, double bound, std::int64_t* integers,
                       std::int64_t ld);
};

struct PackedKernels {
  const char* name;
  std::int64_t a_width;  // 4 or a multiple of kRowUnit, at most kMaxTileRows
  std::int64_t b_width;  // a multiple of kRowUnit, at most kMaxTileCols
  void (*pack_a)(const PackArgs& args);
  void (*pack_b)(const PackArgs& args);
  void (*tile)(const TileArgs& args);
  EpilogueKernels epilogue;
  // A multiple of kDepthPerBlock that divides 1024; TileArgs::blocks is a multiple of it.
  std::int64_t depth_unit = kDepthPerBlock;
  // Called on a thread before the first tile of a task and after its last one; may be null.
  void (*enter)() = nullptr;
  void (*leave)() = nullptr;
  void (*dots)(const DotsArgs& args) = nullptr;  // null: always pack
};
inline constexpr std::int64_t kMaxTileRows = 16;
inline constexpr std::int64_t kMaxTileCols = 32;

extern const PackedKernels kScalarKernels;
// Defined on x86-64 only; to be used after asking the CPU (cpu/gemm_paths.h).
extern const PackedKernels kAvx2Kernels;
extern const PackedKernels kAvx512Kernels;
extern const PackedKernels kAmxKernels;
// Defined on AArch64 only, where every CPU can run them.
extern const PackedKernels kNeonKernels;

}  // namespace repro::train
