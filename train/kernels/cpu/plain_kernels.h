// Packing and the last step of a product in plain C++, which compilers vectorise for the set they
// build for. Included by the files of one instruction set, so everything here is static.
#pragma once

#include "train/kernels/tile_kernels.h"
#include "train/numerics/float_bits.h"

namespace repro::train {

static inline std::int32_t digit(const PackArgs& args, std::int64_t row, std::int64_t depth) {
  if (row >= args.rows || depth >= args.depth) return 0;
  return args.source[row * args.row_stride + depth * args.depth_stride];
}

// The norms are for kernels that look at TileArgs::wide; this one does not.
template <std::int64_t kWidth>
static void pack_plain(const PackArgs& args) {
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

static inline double scaled(const ScaledBlock& block, std::int64_t r, std::int64_t c) {
  return block.s[r * block.ld + c] * block.column_scale[c] * block.row_scale[r];
}

static void store_floats(const ScaledBlock& block, float* values, std::int64_t ld) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    for (std::int64_t c = 0; c < block.cols; ++c) {
      values[r * ld + c] = static_cast<float>(scaled(block, r, c));
    }
  }
}

static bool add_integers(const ScaledBlock& block, double bound, std::int64_t* integers,
                         std::int64_t ld) {
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

}  // namespace repro::train
