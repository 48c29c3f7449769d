// Digits as AMX tiles. A digit q of 16 bits becomes two of 8: q = 256 * h + l, l in [-128, 127],
// h in [-64, 64]. Included by the file of one instruction set, so everything here is static.
//
// A panel is 16 rows. For every unit of 64 digits of depth it holds two tiles of 1 KiB, first all
// h, then all l. Four digits of consecutive depth of one row, the group that an instruction
// multiplies at once, are one int32; a tile of A holds group g of row r at r * 16 + g, and one of B
// at g * 16 + r. So one operand is the other's transpose, and a source that is contiguous along
// its rows is the transpose of one that is contiguous along its depth.
#pragma once

#include <immintrin.h>

#include "train/kernels/cpu/pack_avx2.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {

inline constexpr std::int64_t kAmxRows = 16;
inline constexpr std::int64_t kAmxGroups = 16;
inline constexpr std::int64_t kAmxDepth = 4 * kAmxGroups;        // digits of one unit
inline constexpr std::int64_t kAmxTile = kAmxRows * kAmxGroups;  // int32 of one tile

// 16 x 16 int32: line i, 8 to a vector.
struct TileLines {
  __m256i line[16][2];
};

struct SplitDigits {
  __m256i high;
  __m256i low;
};

static inline SplitDigits split(__m256i q) {
  const __m256i high = _mm256_srai_epi16(_mm256_add_epi16(q, _mm256_set1_epi16(128)), 8);
  return {high, _mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8)};
}

// 32 int16 that fit int8, in order.
static inline __m256i narrow(__m256i first, __m256i second) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xD8);
}

static inline __m256i load_digits(const std::int16_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// Lines are rows: `from` holds 64 digits of depth every `stride` digits.
static inline void split_rows(const std::int16_t* from, std::int64_t stride, TileLines& high,
                              TileLines& low) {
  for (std::int64_t r = 0; r < kAmxRows; ++r, from += stride) {
    for (std::int64_t half = 0; half < 2; ++half) {
      const SplitDigits x = split(load_digits(from + 32 * half));
      const SplitDigits y = split(load_digits(from + 32 * half + 16));
      high.line[r][half] = narrow(x.high, y.high);
      low.line[r][half] = narrow(x.low, y.low);
    }
  }
}

// Groups of 16 rows, one row an int32, from four depths of int16 that fit int8.
static inline void join_group(const __m256i depth[4], __m256i line[2]) {
  const __m256i byte = _mm256_set1_epi16(0xFF);
  const __m256i x =
      _mm256_or_si256(_mm256_and_si256(depth[0], byte), _mm256_slli_epi16(depth[1], 8));
  const __m256i y =
      _mm256_or_si256(_mm256_and_si256(depth[2], byte), _mm256_slli_epi16(depth[3], 8));
  const __m256i low = _mm256_unpacklo_epi16(x, y);
  const __m256i high = _mm256_unpackhi_epi16(x, y);
  line[0] = _mm256_permute2x128_si256(low, high, 0x20);
  line[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

// Lines are groups: `from` holds 16 rows of one depth every `stride` digits.
static inline void split_groups(const std::int16_t* from, std::int64_t stride, TileLines& high,
                                TileLines& low) {
  for (std::int64_t g = 0; g < kAmxGroups; ++g) {
    __m256i h[4];
    __m256i l[4];
    for (std::int64_t i = 0; i < 4; ++i, from += stride) {
      const SplitDigits digits = split(load_digits(from));
      h[i] = digits.high;
      l[i] = digits.low;
    }
    join_group(h, high.line[g]);
    join_group(l, low.line[g]);
  }
}

static inline void store_vector(std::int32_t* to, __m256i vector) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(to), vector);
}

static inline void store_lines(const TileLines& lines, std::int32_t* to) {
  for (std::int64_t i = 0; i < 16; ++i) {
    store_vector(to + 16 * i, lines.line[i][0]);
    store_vector(to + 16 * i + 8, lines.line[i][1]);
  }
}

static inline void store_turned(const TileLines& lines, std::int32_t* to) {
  for (std::int64_t down = 0; down < 2; ++down) {
    for (std::int64_t across = 0; across < 2; ++across) {
      __m256i in[8];
      __m256i out[8];
      for (std::int64_t i = 0; i < 8; ++i) in[i] = lines.line[8 * down + i][across];
      transpose(in, out);
      for (std::int64_t i = 0; i < 8; ++i)
        store_vector(to + 16 * (8 * across + i) + 8 * down, out[i]);
    }
  }
}

}  // namespace repro::train
