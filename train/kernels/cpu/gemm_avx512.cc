// Exact products with AVX-512 VNNI: `vpdpwssd` multiplies pairs of int16 and adds. S is recovered
// as in gemm_avx2.cc.
#include <immintrin.h>

#include "train/kernels/cpu/dots_avx2.h"
#include "train/kernels/cpu/pack_avx2.h"
#include "train/kernels/cpu/sums_avx512.h"
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

}  // namespace

const PackedKernels kAvx512Kernels = {"avx512",
                                      kAWidth,
                                      kBWidth,
                                      pack_panels<kAWidth>,
                                      pack_panels<kBWidth>,
                                      tile,
                                      {store_floats, add_integers},
                                      kDepthPerBlock,
                                      nullptr,
                                      nullptr,
                                      dots};

}  // namespace repro::train
