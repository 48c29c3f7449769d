// Sums of products of digits that are not packed (DotsArgs). Included by the files of one
// instruction set, so everything here is static.
#pragma once

#include <immintrin.h>

#include "train/kernels/tile_kernels.h"

namespace repro::train {

constexpr std::int64_t kDotDepth = 16;  // digits of one vector

static inline __m256i products_at(const std::int16_t* a, const std::int16_t* b) {
  return _mm256_madd_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)),
                           _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
}

// sums += the 8 int32 of t, in 4 int64.
static inline __m256i add_wide(__m256i sums, __m256i t) {
  sums = _mm256_add_epi64(sums, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(t)));
  return _mm256_add_epi64(sums, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(t, 1)));
}

// Four vectors of pairs of products fit int32: 8 * 16383^2 < 2^31.
static inline std::int64_t dot_of(const std::int16_t* a, const std::int16_t* b,
                                  std::int64_t depth) {
  __m256i sums = _mm256_setzero_si256();
  std::int64_t k = 0;
  for (; k + 4 * kDotDepth <= depth; k += 4 * kDotDepth) {
    const __m256i t = _mm256_add_epi32(products_at(a + k, b + k),
                                       products_at(a + k + kDotDepth, b + k + kDotDepth));
    const __m256i u = _mm256_add_epi32(products_at(a + k + 2 * kDotDepth, b + k + 2 * kDotDepth),
                                       products_at(a + k + 3 * kDotDepth, b + k + 3 * kDotDepth));
    sums = add_wide(sums, _mm256_add_epi32(t, u));
  }
  for (; k + kDotDepth <= depth; k += kDotDepth) sums = add_wide(sums, products_at(a + k, b + k));
  alignas(32) std::int64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sums);
  std::int64_t sum = lanes[0] + lanes[1] + lanes[2] + lanes[3];
  for (; k < depth; ++k) sum += std::int64_t{a[k]} * b[k];
  return sum;
}

static void dots(const DotsArgs& args) {
  for (std::int64_t c = 0; c < args.cols; ++c) {
    const std::int16_t* b = args.b + c * args.b_stride;
    for (std::int64_t r = 0; r < args.rows; ++r) {
      args.s[r * args.ld + c] =
          static_cast<double>(dot_of(args.a + r * args.a_stride, b, args.depth));
    }
  }
}

}  // namespace repro::train
