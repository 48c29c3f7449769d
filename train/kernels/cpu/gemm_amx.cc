// Exact products with AMX-INT8: `tdpbssd` multiplies groups of four int8 and adds into int32.
//
// With q = 256 * h + l (digits_amx.h), S = 65536 * sum hh' + 256 * (sum hl' + sum lh') + sum ll'.
// The four sums have a tile each, which leaves four for the digits: per unit of depth four loads
// and four multiplications, none of which waits for another. One tile for both cross sums would
// free a register but make a chain of two multiplications, whose latency (52 cycles each) is more
// than the 64 cycles in which the unit could be done.
//
// |sum of a tile| <= 2^14 * depth, and both cross sums together <= 2^14 * depth too, so 65536 of
// depth fit int32.
#include <immintrin.h>

#include "train/kernels/cpu/digits_amx.h"
#include "train/kernels/cpu/dots_avx2.h"
#include "train/kernels/cpu/sums_avx512.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {
namespace {

constexpr std::int64_t kUnitsPerSum = 65536 / kAmxDepth;
constexpr std::int64_t kBlocksPerUnit = kAmxDepth / kDepthPerBlock;
constexpr std::int64_t kLineBytes = 64;

// Where 16 rows x 64 depths of digits lie: lines of 64 (along depth) or of 16 (along rows).
struct DigitBlock {
  const std::int16_t* data;
  std::int64_t stride;
};

// A copy with zeros beyond the operand, where it ends inside the block.
DigitBlock padded_block(const PackArgs& args, std::int64_t row, std::int64_t depth,
                        std::int16_t* copy) {
  const bool along_depth = args.depth_stride == 1;
  const std::int64_t stride = along_depth ? kAmxDepth : kAmxRows;
  for (std::int64_t r = 0; r < kAmxRows; ++r) {
    for (std::int64_t d = 0; d < kAmxDepth; ++d) {
      const bool inside = row + r < args.rows && depth + d < args.depth;
      const std::int64_t from = (row + r) * args.row_stride + (depth + d) * args.depth_stride;
      const std::int64_t to = along_depth ? r * stride + d : d * stride + r;
      copy[to] = inside ? args.source[from] : std::int16_t{0};
    }
  }
  return {copy, stride};
}

// One unit of depth of one panel: 2 * kAmxTile int32 at `to`.
template <bool kGroupsOutside>
void pack_unit(const PackArgs& args, std::int64_t row, std::int64_t depth, std::int32_t* to) {
  const bool along_depth = args.depth_stride == 1;
  alignas(32) std::int16_t copy[kAmxRows * kAmxDepth];
  DigitBlock block = {args.source + row * args.row_stride + depth * args.depth_stride,
                      along_depth ? args.row_stride : args.depth_stride};
  if (row + kAmxRows > args.rows || depth + kAmxDepth > args.depth) {
    block = padded_block(args, row, depth, copy);
  }
  TileLines high;
  TileLines low;
  if (along_depth) {
    split_rows(block.data, block.stride, high, low);
  } else {
    split_groups(block.data, block.stride, high, low);
  }
  if (along_depth == kGroupsOutside) {
    store_turned(high, to);
    store_turned(low, to + kAmxTile);
  } else {
    store_lines(high, to);
    store_lines(low, to + kAmxTile);
  }
}

// kGroupsOutside: the layout of B. The norms are for kernels that look at TileArgs::wide.
template <bool kGroupsOutside>
void pack_tiles(const PackArgs& args) {
  const std::int64_t panels = (args.rows + kAmxRows - 1) / kAmxRows;
  const std::int64_t units = (args.depth + kAmxDepth - 1) / kAmxDepth;
  for (std::int64_t panel = 0; panel < panels; ++panel) args.norms[panel] = UINT32_MAX;
  for (std::int64_t unit = 0; unit < units; ++unit) {
    for (std::int64_t panel = 0; panel < panels; ++panel) {
      pack_unit<kGroupsOutside>(args, panel * kAmxRows, unit * kAmxDepth,
                                args.panels + panel * args.panel_stride + unit * 2 * kAmxTile);
    }
  }
}

// The operand of `ldtilecfg`: every tile has 16 lines of 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);
// In memory: compilers do not see that the instruction reads all of it.
constexpr TileConfig kConfig;

void enter() { _tile_loadconfig(&kConfig); }
void leave() { _tile_release(); }

struct alignas(64) DigitSums {
  std::int32_t hh[kAmxTile];
  std::int32_t hl[kAmxTile];
  std::int32_t lh[kAmxTile];
  std::int32_t ll[kAmxTile];
};

// Tiles 0 to 3: the sums hh', hl', lh', ll'; 4, 5: h and l of A; 6, 7: of B. (The intrinsics of
// some compilers take literals only.)
void add_units(const std::int32_t* a, const std::int32_t* b, std::int64_t units, DigitSums& sums) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (; units > 0; --units, a += 2 * kAmxTile, b += 2 * kAmxTile) {
    _tile_loadd(4, a, kLineBytes);
    _tile_loadd(6, b, kLineBytes);
    _tile_dpbssd(0, 4, 6);
    _tile_loadd(7, b + kAmxTile, kLineBytes);
    _tile_dpbssd(1, 4, 7);
    _tile_loadd(5, a + kAmxTile, kLineBytes);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_stored(0, sums.hh, kLineBytes);
  _tile_stored(1, sums.hl, kLineBytes);
  _tile_stored(2, sums.lh, kLineBytes);
  _tile_stored(3, sums.ll, kLineBytes);
}

inline __m256i load(const std::int32_t* from) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}

// S of 8 columns; every step is exact.
inline __m512d recover(const DigitSums& sums, std::int64_t i) {
  const __m256i cross = _mm256_add_epi32(load(sums.hl + i), load(sums.lh + i));
  const __m512d high = _mm512_mul_pd(_mm512_cvtepi32_pd(load(sums.hh + i)), _mm512_set1_pd(65536));
  const __m512d middle = _mm512_mul_pd(_mm512_cvtepi32_pd(cross), _mm512_set1_pd(256));
  return _mm512_add_pd(_mm512_add_pd(high, middle), _mm512_cvtepi32_pd(load(sums.ll + i)));
}

void tile(const TileArgs& args) {
  TileArgs part = args;
  std::int64_t units = args.blocks / kBlocksPerUnit;
  do {
    const std::int64_t count = units < kUnitsPerSum ? units : kUnitsPerSum;
    DigitSums sums;
    add_units(part.a, part.b, count, sums);
    for (std::int64_t i = 0; i < kAmxTile; i += 8) {
      put(args.s + i / kAmxRows * args.ld + i % kAmxRows, recover(sums, i), part);
    }
    part.accumulate = true;
    part.a += count * 2 * kAmxTile;
    part.b += count * 2 * kAmxTile;
    units -= count;
  } while (units > 0);
}

}  // namespace

const PackedKernels kAmxKernels = {"amx",
                                   kAmxRows,
                                   kAmxRows,
                                   pack_tiles<false>,
                                   pack_tiles<true>,
                                   tile,
                                   {store_floats, add_integers},
                                   kAmxDepth,
                                   enter,
                                   leave,
                                   dots};

}  // namespace repro::train
