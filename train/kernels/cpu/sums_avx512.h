// What AVX-512 kernels share from exact sums on: how a tile keeps S, and the last step of a
// product. Included by the files of one instruction set, so everything here is static.
#pragma once

#include <immintrin.h>

#include "train/kernels/tile_kernels.h"

namespace repro::train {

static inline void put(double* to, __m512d sum, const TileArgs& args) {
  sum = _mm512_mul_pd(sum, _mm512_set1_pd(args.factor));
  if (args.accumulate) sum = _mm512_add_pd(sum, _mm512_loadu_pd(to));
  _mm512_storeu_pd(to, sum);
}

static inline __mmask8 first_lanes(std::int64_t left) {
  return left >= 8 ? __mmask8{0xFF} : static_cast<__mmask8>((1U << left) - 1);
}

static inline __m512d scaled(const ScaledBlock& block, std::int64_t r, std::int64_t c,
                             __mmask8 mask) {
  const __m512d s = _mm512_maskz_loadu_pd(mask, block.s + r * block.ld + c);
  const __m512d column = _mm512_maskz_loadu_pd(mask, block.column_scale + c);
  return _mm512_mul_pd(_mm512_mul_pd(s, column), _mm512_set1_pd(block.row_scale[r]));
}

static void store_floats(const ScaledBlock& block, float* values, std::int64_t ld) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; c += 8) {
      const __mmask8 mask = first_lanes(block.cols - c);
      _mm256_mask_storeu_ps(values + r * ld + c, mask, _mm512_cvtpd_ps(scaled(block, r, c, mask)));
    }
  }
}

static bool all_below(const ScaledBlock& block, double bound) {
  const __m512d limit = _mm512_set1_pd(bound);
  __mmask8 below = 0xFF;
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; c += 8) {
      const __m512d v = scaled(block, r, c, first_lanes(block.cols - c));
      below = _mm512_mask_cmp_pd_mask(below, _mm512_abs_pd(v), limit, _CMP_LT_OQ);
    }
  }
  return below == 0xFF;
}

static bool add_integers(const ScaledBlock& block, double bound, std::int64_t* integers,
                         std::int64_t ld) {
  if (!all_below(block, bound)) return false;
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; c += 8) {
      const __mmask8 mask = first_lanes(block.cols - c);
      const __m512i addend = _mm512_cvtpd_epi64(scaled(block, r, c, mask));
      std::int64_t* sum = integers + r * ld + c;
      const __m512i old = _mm512_maskz_loadu_epi64(mask, sum);
      _mm512_mask_storeu_epi64(sum, mask, _mm512_add_epi64(old, addend));
    }
  }
  return true;
}

}  // namespace repro::train
