// Packing for kernels of 256 bits and more (PackArgs says what), in units of 8 rows. Included by
// the files of one instruction set, so everything here is static.
#pragma once

#include <immintrin.h>

#include "train/kernels/tile_kernels.h"

namespace repro::train {

// Digits of two depths of 8 rows, one pair per row, go to their panel or panels.
template <std::int64_t kWidth>
static inline void store_unit(const PackArgs& args, std::int64_t row, std::int64_t pair,
                              __m256i rows) {
  std::int32_t* panel = args.panels + row / kWidth * args.panel_stride + pair * kWidth;
  if constexpr (kWidth == 4) {
    _mm_store_si128(reinterpret_cast<__m128i*>(panel), _mm256_castsi256_si128(rows));
    _mm_store_si128(reinterpret_cast<__m128i*>(panel + args.panel_stride),
                    _mm256_extracti128_si256(rows, 1));
  } else {
    _mm256_store_si256(reinterpret_cast<__m256i*>(panel + row % kWidth), rows);
  }
}

// Adds an upper bound of (sum of squares) / 16.
static inline __m256i add_squares(__m256i sum, __m256i pairs) {
  const __m256i squares = _mm256_srli_epi32(_mm256_madd_epi16(pairs, pairs), 4);
  return _mm256_add_epi32(_mm256_add_epi32(sum, squares), _mm256_set1_epi32(1));
}

static inline std::uint32_t largest(__m256i v) {
  __m128i x = _mm_max_epu32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  x = _mm_max_epu32(x, _mm_shuffle_epi32(x, 0x4E));
  x = _mm_max_epu32(x, _mm_shuffle_epi32(x, 0xB1));
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(x));
}

template <std::int64_t kWidth>
static inline void raise_norm(const PackArgs& args, std::int64_t row, __m256i sums) {
  const std::uint32_t norm = largest(sums);
  // A unit of 8 rows is one panel, a part of one, or two of them.
  for (std::int64_t r = row; r < row + kRowUnit; r += kWidth) {
    std::uint32_t& old = args.norms[r / kWidth];
    if (norm > old) old = norm;
  }
}

static inline std::int64_t padded_rows(const PackArgs& args, std::int64_t width) {
  const std::int64_t unit = width > kRowUnit ? width : kRowUnit;
  return (args.rows + unit - 1) / unit * unit;
}

static inline std::int64_t block_count(const PackArgs& args) {
  return (args.depth + kDepthPerBlock - 1) / kDepthPerBlock;
}

// 8 x 8 int32: out[i] holds element i of every in[j].
static inline void transpose(const __m256i in[8], __m256i out[8]) {
  __m256i x[8];
  __m256i y[8];
  for (int i = 0; i < 4; ++i) {
    x[2 * i] = _mm256_unpacklo_epi32(in[2 * i], in[2 * i + 1]);
    x[2 * i + 1] = _mm256_unpackhi_epi32(in[2 * i], in[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    y[4 * i] = _mm256_unpacklo_epi64(x[4 * i], x[4 * i + 2]);
    y[4 * i + 1] = _mm256_unpackhi_epi64(x[4 * i], x[4 * i + 2]);
    y[4 * i + 2] = _mm256_unpacklo_epi64(x[4 * i + 1], x[4 * i + 3]);
    y[4 * i + 3] = _mm256_unpackhi_epi64(x[4 * i + 1], x[4 * i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    out[i] = _mm256_permute2x128_si256(y[i], y[i + 4], 0x20);
    out[i + 4] = _mm256_permute2x128_si256(y[i], y[i + 4], 0x31);
  }
}

static inline void copy_digits(std::int16_t* to, const std::int16_t* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
}

// One block of depth of 8 rows, where a row is contiguous; rows and depth beyond the operand are 0.
static inline void load_block_rows(const PackArgs& args, std::int64_t row, std::int64_t block,
                                   __m256i out[8]) {
  const std::int64_t depth = block * kDepthPerBlock;
  const std::int64_t left = args.depth - depth;
  __m256i in[8];
  for (std::int64_t i = 0; i < kRowUnit; ++i) {
    in[i] = _mm256_setzero_si256();
    if (row + i >= args.rows) continue;
    const std::int16_t* from = args.source + (row + i) * args.row_stride + depth;
    if (left >= kDepthPerBlock) {
      in[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    } else {
      alignas(32) std::int16_t tail[kDepthPerBlock] = {};
      copy_digits(tail, from, left);
      in[i] = _mm256_load_si256(reinterpret_cast<const __m256i*>(tail));
    }
  }
  transpose(in, out);
}

template <std::int64_t kWidth>
static inline void pack_contiguous_depth(const PackArgs& args) {
  const std::int64_t blocks = block_count(args);
  for (std::int64_t row = 0; row < padded_rows(args, kWidth); row += kRowUnit) {
    __m256i most = _mm256_setzero_si256();
    for (std::int64_t first = 0; first < blocks; first += kBlocksPerWindow) {
      const std::int64_t left = blocks - first;
      const std::int64_t end = first + (left < kBlocksPerWindow ? left : kBlocksPerWindow);
      __m256i sums = _mm256_setzero_si256();
      for (std::int64_t block = first; block < end; ++block) {
        __m256i pairs[8];
        load_block_rows(args, row, block, pairs);
        for (std::int64_t i = 0; i < kPairsPerBlock; ++i) {
          store_unit<kWidth>(args, row, block * kPairsPerBlock + i, pairs[i]);
          sums = add_squares(sums, pairs[i]);
        }
      }
      most = _mm256_max_epu32(most, sums);
    }
    raise_norm<kWidth>(args, row, most);
  }
}

// 16 rows at one depth, where a depth is contiguous over rows; 0 beyond the operand.
static inline __m256i load_depth(const PackArgs& args, std::int64_t row, std::int64_t depth) {
  if (depth >= args.depth || row >= args.rows) return _mm256_setzero_si256();
  const std::int16_t* from = args.source + depth * args.depth_stride + row;
  const std::int64_t left = args.rows - row;
  if (left >= 16) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  alignas(32) std::int16_t tail[16] = {};
  copy_digits(tail, from, left);
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(tail));
}

// One window of depth of 16 rows (of 8, where `both` is false).
template <std::int64_t kWidth>
static inline void pack_window(const PackArgs& args, std::int64_t row, bool both, std::int64_t pair,
                               std::int64_t end) {
  __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (; pair < end; ++pair) {
    const __m256i even = load_depth(args, row, 2 * pair);
    const __m256i odd = load_depth(args, row, 2 * pair + 1);
    const __m256i low = _mm256_unpacklo_epi16(even, odd);
    const __m256i high = _mm256_unpackhi_epi16(even, odd);
    const __m256i first = _mm256_permute2x128_si256(low, high, 0x20);
    const __m256i second = _mm256_permute2x128_si256(low, high, 0x31);
    store_unit<kWidth>(args, row, pair, first);
    sums[0] = add_squares(sums[0], first);
    if (both) {
      store_unit<kWidth>(args, row + kRowUnit, pair, second);
      sums[1] = add_squares(sums[1], second);
    }
  }
  raise_norm<kWidth>(args, row, sums[0]);
  if (both) raise_norm<kWidth>(args, row + kRowUnit, sums[1]);
}

// Depth outside, rows inside: the operand is read along its lines.
template <std::int64_t kWidth>
static inline void pack_contiguous_rows(const PackArgs& args) {
  const std::int64_t rows = padded_rows(args, kWidth);
  const std::int64_t pairs = block_count(args) * kPairsPerBlock;
  constexpr std::int64_t kStep = kBlocksPerWindow * kPairsPerBlock;
  for (std::int64_t pair = 0; pair < pairs; pair += kStep) {
    const std::int64_t end = pairs - pair < kStep ? pairs : pair + kStep;
    for (std::int64_t row = 0; row < rows; row += 2 * kRowUnit) {
      pack_window<kWidth>(args, row, row + kRowUnit < rows, pair, end);
    }
  }
}

template <std::int64_t kWidth>
static void pack_panels(const PackArgs& args) {
  for (std::int64_t row = 0; row < padded_rows(args, kWidth); row += kWidth) {
    args.norms[row / kWidth] = 0;
  }
  if (args.depth_stride == 1) {
    pack_contiguous_depth<kWidth>(args);
  } else {
    pack_contiguous_rows<kWidth>(args);
  }
}

}  // namespace repro::train
