// The geometry of launches: every row belongs to one warp, every element to one lane of it.
#include "train/kernels/cuda/grid.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace repro::train {
namespace {

// How often each unit is taken by the warps of a launch.
std::vector<int> taken(std::int64_t units, std::uint32_t blocks) {
  std::vector<int> times(static_cast<std::size_t>(units));
  for (std::uint32_t block = 0; block < blocks; ++block) {
    for (std::uint32_t thread = 0; thread < kBlockThreads; thread += kWarpLanes) {
      const WarpPlace place = warp_place(block, blocks, thread);
      for (std::int64_t unit = place.warp; unit < units; unit += place.warps) {
        ++times[static_cast<std::size_t>(unit)];
      }
    }
  }
  return times;
}

TEST(Grid, EveryUnitIsTakenOnceWhateverTheNumberOfBlocks) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const std::int64_t units = random() % 3000;
    const auto blocks = static_cast<std::uint32_t>(1 + random() % 400);
    for (int times : taken(units, blocks)) ASSERT_EQ(times, 1) << units << " " << blocks;
    for (int times : taken(units, block_count(units))) ASSERT_EQ(times, 1) << units;
  }
}

TEST(Grid, BlocksHoldTheUnitsUpToABound) {
  EXPECT_EQ(block_count(0), 0U);
  EXPECT_EQ(block_count(1), 1U);
  EXPECT_EQ(block_count(kBlockWarps), 1U);
  EXPECT_EQ(block_count(kBlockWarps + 1), 2U);
  EXPECT_EQ(block_count(kMaxBlocks * kBlockWarps), kMaxBlocks);
  EXPECT_EQ(block_count(kMaxBlocks * kBlockWarps + 1), kMaxBlocks);
  EXPECT_EQ(block_count(INT64_MAX), kMaxBlocks);
}

TEST(Grid, ThreadsOfAWarpDifferInTheirLaneOnly) {
  for (std::uint32_t thread = 0; thread < kBlockThreads; ++thread) {
    const WarpPlace place = warp_place(5, 9, thread);
    EXPECT_EQ(place.warp, 5 * kBlockWarps + thread / 32);
    EXPECT_EQ(place.lane, thread % 32);
    EXPECT_EQ(place.warps, 9 * kBlockWarps);
  }
}

TEST(Grid, PiecesCoverAVectorWithoutOverlap) {
  std::mt19937_64 random(2);
  for (std::int64_t length : {kPiece, kColumnPiece}) {
    for (int i = 0; i < 300; ++i) {
      const auto count = static_cast<std::int64_t>(random() % 100000);
      std::int64_t at = 0;
      for (std::int64_t p = 0; p < piece_count(count, length); ++p) {
        const Piece piece = piece_at(p, count, length);
        ASSERT_EQ(piece.begin, at);
        ASSERT_GE(piece.size, 1);
        ASSERT_LE(piece.size, length);
        at += piece.size;
      }
      ASSERT_EQ(at, count);
    }
  }
  EXPECT_EQ(piece_count(INT64_MAX, kPiece), INT64_MAX / kPiece + 1);
}

}  // namespace
}  // namespace repro::train
