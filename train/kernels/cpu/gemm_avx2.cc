// Exact products with AVX2: `vpmaddwd` multiplies pairs of int16, and S is recovered from int32
// sums.
//
// t, the sum over a step, fits int32: a step is 4 pairs always, or a whole window where the norms
// allow it. Of all steps two sums are kept: W = sum of t mod 2^32, and H = sum of t >> 16. Then
// S = 65536 * H + (W - 65536 * H) mod 2^32, because the sum of the low halves of t is below 2^32.
#include <immintrin.h>

#include "train/kernels/cpu/dots_avx2.h"
#include "train/kernels/cpu/pack_avx2.h"
#include "train/kernels/tile_kernels.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

constexpr std::int64_t kAWidth = 4;
constexpr std::int64_t kBWidth = 16;
constexpr int kVectors = 8;  // of the tile: 4 rows of 2
constexpr int kPairsPerStep = 4;

// W and H of a tile, in memory: the registers hold t.
struct alignas(32) WideSums {
  __m256i w[kVectors];
  __m256i h[kVectors];
};

[[gnu::always_inline]] inline __m256i load(const void* from) {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}

// t += products of x and b. The empty statement keeps compilers from adding products first, in
// trees that need more registers than there are.
[[gnu::always_inline]] inline void add_products(__m256i& t, __m256i x, __m256i b) {
  t = _mm256_add_epi32(t, _mm256_madd_epi16(x, b));
  asm("" : "+x"(t));
}

template <int kSteps>
[[gnu::always_inline]] inline void add_window(const std::int32_t* a, const std::int32_t* b,
                                              WideSums& sums) {
  __m256i t[kVectors];
  for (int i = 0; i < kVectors; ++i) t[i] = _mm256_setzero_si256();
  for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 4
    for (int p = 0; p < kPairsPerStep; ++p) {
      const __m256i b0 = load(b + p * kBWidth);
      const __m256i b1 = load(b + p * kBWidth + 8);
#pragma GCC unroll 4
      for (int r = 0; r < kAWidth; ++r) {
        const __m256i x = _mm256_set1_epi32(a[p * kAWidth + r]);
        add_products(t[2 * r], x, b0);
        add_products(t[2 * r + 1], x, b1);
      }
    }
    a += kPairsPerStep * kAWidth;
    b += kPairsPerStep * kBWidth;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    sums.w[i] = _mm256_add_epi32(sums.w[i], t[i]);
    sums.h[i] = _mm256_add_epi32(sums.h[i], _mm256_srai_epi32(t[i], 16));
  }
}

// 4 lanes of S. Flipping the top bit makes the unsigned low part a signed one, minus 2^31.
inline __m256d recover(__m128i high, __m128i flipped_low) {
  const __m256d low = _mm256_add_pd(_mm256_cvtepi32_pd(flipped_low), _mm256_set1_pd(0x1p31));
  return _mm256_add_pd(_mm256_mul_pd(_mm256_cvtepi32_pd(high), _mm256_set1_pd(65536.0)), low);
}

inline void put(double* to, __m256d sum, const TileArgs& args) {
  sum = _mm256_mul_pd(sum, _mm256_set1_pd(args.factor));
  if (args.accumulate) sum = _mm256_add_pd(sum, _mm256_loadu_pd(to));
  _mm256_storeu_pd(to, sum);
}

void tile(const TileArgs& args) {
  WideSums sums = {};
  const std::int32_t* a = args.a;
  const std::int32_t* b = args.b;
  constexpr std::int64_t kAStep = kPairsPerStep * kAWidth;
  constexpr std::int64_t kBStep = kPairsPerStep * kBWidth;
  std::int64_t steps = args.blocks * (kPairsPerBlock / kPairsPerStep);
  if (args.wide) {
    for (; steps >= 4; steps -= 4, a += 4 * kAStep, b += 4 * kBStep) add_window<4>(a, b, sums);
  }
  for (; steps > 0; --steps, a += kAStep, b += kBStep) add_window<1>(a, b, sums);
  for (int i = 0; i < kVectors; ++i) {
    const __m256i h = sums.h[i];
    const __m256i low = _mm256_xor_si256(_mm256_sub_epi32(sums.w[i], _mm256_slli_epi32(h, 16)),
                                         _mm256_set1_epi32(INT32_MIN));
    double* to = args.s + i / 2 * args.ld + i % 2 * 8;
    put(to, recover(_mm256_castsi256_si128(h), _mm256_castsi256_si128(low)), args);
    put(to + 4, recover(_mm256_extracti128_si256(h, 1), _mm256_extracti128_si256(low, 1)), args);
  }
}

// v of 4 columns from `c`, and of one.
inline __m256d scaled(const ScaledBlock& block, std::int64_t r, std::int64_t c) {
  const __m256d s = _mm256_loadu_pd(block.s + r * block.ld + c);
  const __m256d v = _mm256_mul_pd(s, _mm256_loadu_pd(block.column_scale + c));
  return _mm256_mul_pd(v, _mm256_broadcast_sd(block.row_scale + r));
}
inline double scaled_one(const ScaledBlock& block, std::int64_t r, std::int64_t c) {
  return block.s[r * block.ld + c] * block.column_scale[c] * block.row_scale[r];
}

void store_floats(const ScaledBlock& block, float* values, std::int64_t ld) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    float* out = values + r * ld;
    std::int64_t c = 0;
    for (; c + 4 <= block.cols; c += 4) {
      _mm_storeu_ps(out + c, _mm256_cvtpd_ps(scaled(block, r, c)));
    }
    for (; c < block.cols; ++c) out[c] = static_cast<float>(scaled_one(block, r, c));
  }
}

bool all_below(const ScaledBlock& block, double bound) {
  const __m256d no_sign = _mm256_castsi256_pd(_mm256_set1_epi64x(INT64_MAX));
  __m256d most = _mm256_setzero_pd();
  bool below = true;
  for (std::int64_t r = 0; r < block.rows; ++r) {
    std::int64_t c = 0;
    for (; c + 4 <= block.cols; c += 4) {
      most = _mm256_max_pd(most, _mm256_and_pd(scaled(block, r, c), no_sign));
    }
    for (; c < block.cols; ++c) {
      const double v = scaled_one(block, r, c);
      below = below && v < bound && v > -bound;
    }
  }
  const __m256d is_below = _mm256_cmp_pd(most, _mm256_set1_pd(bound), _CMP_LT_OQ);
  return below && _mm256_movemask_pd(is_below) == 0xF;
}

bool add_integers(const ScaledBlock& block, double bound, std::int64_t* integers, std::int64_t ld) {
  if (!all_below(block, bound)) return false;
  // Adding 1.5 * 2^52 rounds |v| < 2^51 to an integer, to even at ties, in the low bits.
  const __m256d magic = _mm256_set1_pd(kIntegerMagic);
  for (std::int64_t r = 0; r < block.rows; ++r) {
    std::int64_t* out = integers + r * ld;
    std::int64_t c = 0;
    for (; c + 4 <= block.cols; c += 4) {
      const __m256d rounded = _mm256_add_pd(scaled(block, r, c), magic);
      const __m256i addend =
          _mm256_sub_epi64(_mm256_castpd_si256(rounded), _mm256_castpd_si256(magic));
      auto* sum = reinterpret_cast<__m256i*>(out + c);
      _mm256_storeu_si256(sum, _mm256_add_epi64(_mm256_loadu_si256(sum), addend));
    }
    for (; c < block.cols; ++c) {
      out[c] = static_cast<std::int64_t>(
          static_cast<std::uint64_t>(out[c]) +
          static_cast<std::uint64_t>(round_small(scaled_one(block, r, c))));
    }
  }
  return true;
}

}  // namespace

const PackedKernels kAvx2Kernels = {"avx2",
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
