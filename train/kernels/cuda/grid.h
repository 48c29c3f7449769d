// Which warp of a launch does which rows. Plain integers, for host and device, so that the geometry
// is tested without a GPU (tests/train/rows/grid_test.cc).
//
// A launch has `blocks` blocks of kBlockThreads threads, that is kBlockWarps warps each. A row (or
// another unit of work, see unit_count in row_programs.h) belongs to one warp; warp w takes rows
// w, w + warps, ... Which rows share a warp decides no bit.
#pragma once

#include <cstdint>

#include "train/numerics/host_device.h"

namespace repro::train {

inline constexpr int kWarpLanes = 32;
inline constexpr int kBlockWarps = 8;
inline constexpr int kBlockThreads = kBlockWarps * kWarpLanes;
// 32768 warps: several times what any GPU so far holds at once; more rows go round.
inline constexpr std::int64_t kMaxBlocks = 4096;

// Blocks for so many units; 0 (nothing to launch) for none.
constexpr std::uint32_t block_count(std::int64_t units) {
  const std::int64_t blocks = units / kBlockWarps + (units % kBlockWarps == 0 ? 0 : 1);
  return static_cast<std::uint32_t>(blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

// A thread's place, from its block and its index there.
struct WarpPlace {
  std::int64_t warp = 0;
  std::int64_t warps = 1;  // of the launch
  std::int64_t lane = 0;
};
REPRO_HD WarpPlace warp_place(std::uint32_t block, std::uint32_t blocks, std::uint32_t thread) {
  return {static_cast<std::int64_t>(block) * kBlockWarps + thread / kWarpLanes,
          static_cast<std::int64_t>(blocks) * kBlockWarps, thread % kWarpLanes};
}

// Long vectors are cut into pieces of this many elements, one unit of work each.
inline constexpr std::int64_t kPiece = 4096;
// Columns that one warp quantises: one a lane.
inline constexpr std::int64_t kColumnPiece = kWarpLanes;

struct Piece {
  std::int64_t begin = 0;
  std::int64_t size = 0;
};
REPRO_HD std::int64_t piece_count(std::int64_t count, std::int64_t length) {
  return count / length + (count % length == 0 ? 0 : 1);
}
REPRO_HD Piece piece_at(std::int64_t index, std::int64_t count, std::int64_t length) {
  const std::int64_t begin = index * length;
  return {begin, smaller(length, count - begin)};
}

}  // namespace repro::train
