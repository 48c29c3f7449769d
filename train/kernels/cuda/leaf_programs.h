// Leaves of Merkle trees (artifacts/base/merkle.h), so that only their digests leave a device.
// Written as row_programs.h says.
#pragma once

#include "artifacts/base/merkle.h"
#include "train/kernels/cuda/grid.h"
#include "train/numerics/sha256.h"

namespace repro::train {

// A tensor whose leaves are `first_leaf` and those after it, in a list of many tensors' leaves.
struct TensorRegion {
  const std::byte* data = nullptr;  // 16-byte aligned; not read where there are no bytes
  std::int64_t bytes = 0;
  std::int64_t first_leaf = 0;
};

// A leaf is one long chain of rounds: a lane does it alone, and a unit is 32 of the list.
struct LeafDigestsBatch {
  const TensorRegion* tensors = nullptr;  // in the order of their leaves, from 0 without gaps
  std::int64_t num_tensors = 0;
  std::int64_t num_leaves = 0;
  Digest* digests = nullptr;  // [num_leaves], 16-byte aligned
};

namespace detail {

inline constexpr std::int64_t kLeafPiece = kWarpLanes;

// The tensor of a leaf: the last one whose first leaf is not after it.
REPRO_HD const TensorRegion& tensor_of_leaf(const LeafDigestsBatch& args, std::int64_t leaf) {
  std::int64_t low = 0;
  std::int64_t high = args.num_tensors;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (args.tensors[middle].first_leaf <= leaf ? low : high) = middle;
  }
  return args.tensors[low];
}

}  // namespace detail

REPRO_HD std::int64_t unit_count(const LeafDigestsBatch& args) {
  return piece_count(args.num_leaves, detail::kLeafPiece);
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const LeafDigestsBatch& args, std::int64_t i) {
  constexpr auto kChunk = static_cast<std::int64_t>(kMerkleChunkBytes);
  const Piece piece = piece_at(i, args.num_leaves, detail::kLeafPiece);
  for (std::int64_t j = warp.first(); j < piece.size; j += warp.stride()) {
    const std::int64_t leaf = piece.begin + j;
    const TensorRegion& tensor = detail::tensor_of_leaf(args, leaf);
    const std::int64_t begin = (leaf - tensor.first_leaf) * kChunk;
    write_digest(sha256_prefixed(kMerkleLeafPrefix, tensor.data + begin,
                                 smaller(kChunk, tensor.bytes - begin)),
                 args.digests + leaf);
  }
}

}  // namespace repro::train
