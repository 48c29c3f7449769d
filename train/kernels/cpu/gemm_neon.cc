// Exact products on AArch64: `smlal` multiplies int16 and adds into int32, `sadalp` adds pairs of
// int32 into int64.
//
// A vector of B holds (first, second) digits of four columns; products with the same pair of A go
// to lanes of their own, so a lane gets one product a pair. Eight of them fit int32, then the two
// lanes of a column are added into its int64.
#include <arm_neon.h>

#include "train/kernels/cpu/plain_kernels.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {
namespace {

constexpr std::int64_t kAWidth = 4;
constexpr std::int64_t kBWidth = 8;
constexpr int kQuads = kAWidth * kBWidth / 2;  // vectors of two columns
static_assert(kPairsPerBlock == 8, "a block's products fit int32");

inline int16x8_t load_pairs(const std::int32_t* from) {
  return vreinterpretq_s16_s32(vld1q_s32(from));
}

// The registers hold a block's sums; the int64 ones lie in memory.
inline void add_block(const std::int32_t* a, const std::int32_t* b, int64x2_t* sums) {
  int32x4_t t[kQuads];
  for (int i = 0; i < kQuads; ++i) t[i] = vdupq_n_s32(0);
#pragma GCC unroll 8
  for (std::int64_t p = 0; p < kPairsPerBlock; ++p, a += kAWidth, b += kBWidth) {
    const int16x8_t b0 = load_pairs(b);
    const int16x8_t b1 = load_pairs(b + 4);
#pragma GCC unroll 4
    for (std::int64_t r = 0; r < kAWidth; ++r) {
      const int16x8_t x = vreinterpretq_s16_s32(vdupq_n_s32(a[r]));
      t[4 * r] = vmlal_s16(t[4 * r], vget_low_s16(x), vget_low_s16(b0));
      t[4 * r + 1] = vmlal_high_s16(t[4 * r + 1], x, b0);
      t[4 * r + 2] = vmlal_s16(t[4 * r + 2], vget_low_s16(x), vget_low_s16(b1));
      t[4 * r + 3] = vmlal_high_s16(t[4 * r + 3], x, b1);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kQuads; ++i) sums[i] = vpadalq_s32(sums[i], t[i]);
}

void tile(const TileArgs& args) {
  int64x2_t sums[kQuads];
  for (int i = 0; i < kQuads; ++i) sums[i] = vdupq_n_s64(0);
  const std::int32_t* a = args.a;
  const std::int32_t* b = args.b;
  for (std::int64_t block = 0; block < args.blocks; ++block) {
    add_block(a, b, sums);
    a += kPairsPerBlock * kAWidth;
    b += kPairsPerBlock * kBWidth;
  }
  for (int i = 0; i < kQuads; ++i) {
    double* to = args.s + i / 4 * args.ld + i % 4 * 2;
    float64x2_t sum = vmulq_n_f64(vcvtq_f64_s64(sums[i]), args.factor);
    if (args.accumulate) sum = vaddq_f64(sum, vld1q_f64(to));
    vst1q_f64(to, sum);
  }
}

}  // namespace

const PackedKernels kNeonKernels = {"neon",
                                    kAWidth,
                                    kBWidth,
                                    pack_plain<kAWidth>,
                                    pack_plain<kBWidth>,
                                    tile,
                                    {store_floats, add_integers}};

}  // namespace repro::train
