// Tiles over the whole depth that their contract allows; the driver stays far below it, at 1024.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/train/kernels/emulated/emulated_paths.h"
#include "train/kernels/scratch.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {
namespace {

// A panel of one operand whose rows all are `digits`.
class Panel {
 public:
  Panel(void (*pack)(const PackArgs&), std::int64_t width,
        const std::vector<std::int16_t>& digits) {
    const std::int64_t padded = std::max(width, kRowUnit);
    PackArgs args;
    args.source = digits.data();
    args.row_stride = 0;
    args.depth_stride = 1;
    args.rows = width;
    args.depth = std::ssize(digits);
    args.panel_stride = width * args.depth / 2;
    args.panels = panels_buffer_.reserve(padded * args.depth / 2);
    args.norms = norms_buffer_.reserve(padded / width);
    pack(args);
    panel_ = args.panels;
    norm_ = args.norms[0];
  }
  const std::int32_t* data() const { return panel_; }
  std::uint64_t norm() const { return norm_; }

 private:
  ScratchArray<std::int32_t> panels_buffer_;
  ScratchArray<std::uint32_t> norms_buffer_;
  const std::int32_t* panel_ = nullptr;
  std::uint64_t norm_ = 0;
};

// All sums of one tile whose rows all are `a` and columns all `b`.
std::vector<double> tile_sums(const PackedKernels& kernels, const std::vector<std::int16_t>& a,
                              const std::vector<std::int16_t>& b) {
  const Panel rows(kernels.pack_a, kernels.a_width, a);
  const Panel columns(kernels.pack_b, kernels.b_width, b);
  std::vector<double> sums(static_cast<std::size_t>(kernels.a_width * kernels.b_width), NAN);
  TileArgs args;
  args.a = rows.data();
  args.b = columns.data();
  args.blocks = std::ssize(a) / kDepthPerBlock;
  args.wide = rows.norm() * columns.norm() < (std::uint64_t{1} << 54);
  args.s = sums.data();
  args.ld = kernels.b_width;
  if (kernels.enter != nullptr) kernels.enter();
  kernels.tile(args);
  if (kernels.leave != nullptr) kernels.leave();
  return sums;
}

void expect_exact(std::int64_t depth, std::int16_t a, std::int16_t b) {
  const auto size = static_cast<std::size_t>(depth);
  for (const PackedKernels* kernels : tested_tile_kernels()) {
    const std::vector<double> sums =
        tile_sums(*kernels, std::vector<std::int16_t>(size, a), std::vector<std::int16_t>(size, b));
    const auto expected = static_cast<double>(depth * a * b);
    EXPECT_EQ(std::count(sums.begin(), sums.end(), expected), std::ssize(sums))
        << kernels->name << ": " << depth << " times " << a << " x " << b << ", first " << sums[0];
  }
}

// Digits whose sums, or the sums of whose halves of 8 bits, are the largest of either sign:
// 16256 = 256 * 64 - 128.
TEST(Tile, IsExactAroundTheDepthThatSumsOfHalvesFill) {
  for (const std::int64_t depth : {65536 - 64, 65536, 65536 + 64}) {
    expect_exact(depth, 16383, 16383);
    expect_exact(depth, 16256, 16256);
    expect_exact(depth, 16256, -16256);
    expect_exact(depth, -128, -128);
    expect_exact(depth, -128, 127);
  }
}

TEST(Tile, IsExactAtTheLargestDepth) {
  constexpr std::int64_t kDepth = std::int64_t{1} << 19;
  expect_exact(kDepth, 16383, 16383);
  expect_exact(kDepth, -16383, 16383);
  expect_exact(kDepth, -128, -128);
}

}  // namespace
}  // namespace repro::train
