// Exact products in plain C++, for any machine; also the reading copy of what a tile does.
#include "train/kernels/tile_kernels.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

constexpr std::int64_t kAWidth = 4;
constexpr std::int64_t kBWidth = 8;
// 8 products of |q| <= 16383 fit int32; a step is 4 pairs.
constexpr std::int64_t kPairsPerStep = 4;

std::int16_t first_of(std::int32_t pair) { return static_cast<std::int16_t>(pair); }
std::int16_t second_of(std::int32_t pair) { return static_cast<std::int16_t>(pair >> 16); }

std::int32_t digit(const PackArgs& args, std::int64_t row, std::int64_t depth) {
  if (row >= args.rows || depth >= args.depth) return 0;
  return args.source[row * args.row_stride + depth * args.depth_stride];
}

// The norms are for kernels that look at TileArgs::wide; this one does not.
template <std::int64_t kWidth>
void pack(const PackArgs& args) {
  constexpr std::int64_t kUnit = kWidth > kRowUnit ? kWidth : kRowUnit;
  const std::int64_t rows = (args.rows + kUnit - 1) / kUnit * kUnit;
  const std::int64_t pairs = (args.depth + kDepthPerBlock - 1) / kDepthPerBlock * kPairsPerBlock;
  for (std::int64_t r = 0; r < rows; ++r) {
    std::int32_t* panel = args.panels + r / kWidth * args.panel_stride + r % kWidth;
    args.norms[r / kWidth] = UINT32_MAX;
    for (std::int64_t p = 0; p < pairs; ++p) {
      const std::int32_t low = digit(args, r, 2 * p);
      const std::int32_t high = digit(args, r, 2 * p + 1);
      panel[p * kWidth] = static_cast<std::int32_t>((static_cast<std::uint32_t>(high) << 16) |
                                                    (static_cast<std::uint32_t>(low) & 0xFFFFU));
    }
  }
}

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

double scaled(const ScaledBlock& block, std::int64_t r, std::int64_t c) {
  return block.s[r * block.ld + c] * block.column_scale[c] * block.row_scale[r];
}

void store_floats(const ScaledBlock& block, float* values, std::int64_t ld) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; ++c) {
      values[r * ld + c] = static_cast<float>(scaled(block, r, c));
    }
  }
}

bool add_integers(const ScaledBlock& block, double bound, std::int64_t* integers, std::int64_t ld) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; ++c) {
      const double v = scaled(block, r, c);
      if (!(v < bound && v > -bound)) return false;
    }
  }
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; ++c) {
      std::int64_t& sum = integers[r * ld + c];
      sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) +
                                      static_cast<std::uint64_t>(round_small(scaled(block, r, c))));
    }
  }
  return true;
}

}  // namespace

const PackedKernels kScalarKernels = {
    "scalar", kAWidth, kBWidth, pack<kAWidth>, pack<kBWidth>, tile, {store_floats, add_integers}};

}  // namespace repro::train
