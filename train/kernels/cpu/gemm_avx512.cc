// Exact products with AVX-512 VNNI: `vpdpwssd` multiplies pairs of int16 and adds. S is recovered
// as in gemm_avx2.cc.
#include <immintrin.h>

#include "train/kernels/cpu/pack_avx2.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {
namespace {

constexpr std::int64_t kAWidth = 4;
constexpr std::int64_t kBWidth = 32;
constexpr int kVectors = 8;  // of the tile: 4 rows of 2
constexpr int kPairsPerStep = 4;
constexpr std::int64_t kAStep = kPairsPerStep * kAWidth;
constexpr std::int64_t kBStep = kPairsPerStep * kBWidth;

// W and H of a tile. With t, two vectors of B and one of A they just fit the 32 registers.
struct WideSums {
  __m512i w[kVectors];
  __m512i h[kVectors];
};

template <int kSteps>
[[gnu::always_inline]] inline void add_window(const std::int32_t* a, const std::int32_t* b,
                                              WideSums& sums) {
  __m512i t[kVectors];
  for (int i = 0; i < kVectors; ++i) t[i] = _mm512_setzero_si512();
  for (int step = 0; step < kSteps; ++step, a += kAStep, b += kBStep) {
#pragma GCC unroll 4
    for (int p = 0; p < kPairsPerStep; ++p) {
      const __m512i b0 = _mm512_load_si512(b + p * kBWidth);
      const __m512i b1 = _mm512_load_si512(b + p * kBWidth + 16);
#pragma GCC unroll 4
      for (int r = 0; r < kAWidth; ++r) {
        const __m512i x = _mm512_set1_epi32(a[p * kAWidth + r]);
        t[2 * r] = _mm512_dpwssd_epi32(t[2 * r], x, b0);
        t[2 * r + 1] = _mm512_dpwssd_epi32(t[2 * r + 1], x, b1);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    sums.w[i] = _mm512_add_epi32(sums.w[i], t[i]);
    sums.h[i] = _mm512_add_epi32(sums.h[i], _mm512_srai_epi32(t[i], 16));
  }
}

inline __m512d recover(__m256i high, __m256i low) {
  return _mm512_add_pd(_mm512_mul_pd(_mm512_cvtepi32_pd(high), _mm512_set1_pd(65536.0)),
                       _mm512_cvtepu32_pd(low));
}

inline void put(double* to, __m512d sum, const TileArgs& args) {
  sum = _mm512_mul_pd(sum, _mm512_set1_pd(args.factor));
  if (args.accumulate) sum = _mm512_add_pd(sum, _mm512_loadu_pd(to));
  _mm512_storeu_pd(to, sum);
}

void tile(const TileArgs& args) {
  WideSums sums;
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) sums.w[i] = sums.h[i] = _mm512_setzero_si512();
  const std::int32_t* a = args.a;
  const std::int32_t* b = args.b;
  std::int64_t steps = args.blocks * (kPairsPerBlock / kPairsPerStep);
  if (args.wide) {
    for (; steps >= 4; steps -= 4, a += 4 * kAStep, b += 4 * kBStep) add_window<4>(a, b, sums);
  }
  for (; steps > 0; --steps, a += kAStep, b += kBStep) add_window<1>(a, b, sums);
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    const __m512i h = sums.h[i];
    const __m512i low = _mm512_sub_epi32(sums.w[i], _mm512_slli_epi32(h, 16));
    double* to = args.s + i / 2 * args.ld + i % 2 * 16;
    put(to, recover(_mm512_castsi512_si256(h), _mm512_castsi512_si256(low)), args);
    put(to + 8, recover(_mm512_extracti64x4_epi64(h, 1), _mm512_extracti64x4_epi64(low, 1)), args);
  }
}

inline __mmask8 first_lanes(std::int64_t left) {
  return left >= 8 ? __mmask8{0xFF} : static_cast<__mmask8>((1U << left) - 1);
}

inline __m512d scaled(const ScaledBlock& block, std::int64_t r, std::int64_t c, __mmask8 mask) {
  const __m512d s = _mm512_maskz_loadu_pd(mask, block.s + r * block.ld + c);
  const __m512d column = _mm512_maskz_loadu_pd(mask, block.column_scale + c);
  return _mm512_mul_pd(_mm512_mul_pd(s, column), _mm512_set1_pd(block.row_scale[r]));
}

void store_floats(const ScaledBlock& block, float* values, std::int64_t ld) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; c += 8) {
      const __mmask8 mask = first_lanes(block.cols - c);
      _mm256_mask_storeu_ps(values + r * ld + c, mask, _mm512_cvtpd_ps(scaled(block, r, c, mask)));
    }
  }
}

bool all_below(const ScaledBlock& block, double bound) {
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

bool add_integers(const ScaledBlock& block, double bound, std::int64_t* integers, std::int64_t ld) {
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

}  // namespace

const PackedKernels kAvx512Kernels = {"avx512",
                                      kAWidth,
                                      kBWidth,
                                      pack_panels<kAWidth>,
                                      pack_panels<kBWidth>,
                                      tile,
                                      {store_floats, add_integers}};

}  // namespace repro::train
