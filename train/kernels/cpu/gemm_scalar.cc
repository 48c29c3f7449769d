// Exact products in plain C++, for any machine; also the reading copy of what a tile does.
#include "train/kernels/cpu/plain_kernels.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {
namespace {

constexpr std::int64_t kAWidth = 4;
constexpr std::int64_t kBWidth = 8;
// 8 products of |q| <= 16383 fit int32; a step is 4 pairs.
constexpr std::int64_t kPairsPerStep = 4;

std::int16_t first_of(std::int32_t pair) { return static_cast<std::int16_t>(pair); }
std::int16_t second_of(std::int32_t pair) { return static_cast<std::int16_t>(pair >> 16); }

void add_step(const std::int32_t* a, const std::int32_t* b, std::int64_t* sums) {
  std::int32_t partial[kAWidth * kBWidth] = {};
  for (std::int64_t p = 0; p < kPairsPerStep; ++p) {
    for (std::int64_t r = 0; r < kAWidth; ++r) {
      const std::int32_t a0 = first_of(a[p * kAWidth + r]);
      const std::int32_t a1 = second_of(a[p * kAWidth + r]);
      for (std::int64_t c = 0; c < kBWidth; ++c) {
        const std::int32_t pair = b[p * kBWidth + c];
        partial[r * kBWidth + c] += a0 * first_of(pair) + a1 * second_of(pair);
      }
    }
  }
  for (std::int64_t i = 0; i < kAWidth * kBWidth; ++i) sums[i] += partial[i];
}

void tile(const TileArgs& args) {
  std::int64_t sums[kAWidth * kBWidth] = {};
  for (std::int64_t p = 0; p < args.blocks * kPairsPerBlock; p += kPairsPerStep) {
    add_step(args.a + p * kAWidth, args.b + p * kBWidth, sums);
  }
  for (std::int64_t r = 0; r < kAWidth; ++r) {
    for (std::int64_t c = 0; c < kBWidth; ++c) {
      double& s = args.s[r * args.ld + c];
      const double sum = args.factor * static_cast<double>(sums[r * kBWidth + c]);
      s = args.accumulate ? s + sum : sum;
    }
  }
}

}  // namespace

const PackedKernels kScalarKernels = {"scalar",
                                      kAWidth,
                                      kBWidth,
                                      pack_plain<kAWidth>,
                                      pack_plain<kBWidth>,
                                      tile,
                                      {store_floats, add_integers}};

}  // namespace repro::train
