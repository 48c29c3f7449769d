// Merkle roots of tensors, models and states (docs/formats.md, "Roots").
//
//   leaf  = SHA-256(0x00 || chunk)          chunk: 64 KiB of the tensor's little-endian bytes, the
//                                           last one shorter; an empty tensor has one empty chunk
//   node  = SHA-256(0x01 || left || right)  levels are paired from the left; an odd last node goes
//   up
//                                           unchanged
//   tensor root = the top node
//   entry = SHA-256(0x02 || canonical JSON {"dtype","name","root","shape"})
//   model or state root = the tree over the entries as leaves, in bytewise order of names
//
// The chunking is fixed, so the root is the same on any thread count, device or rank layout: leaves
// may be hashed anywhere and in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/digest.h"

namespace repro {

inline constexpr std::size_t kMerkleChunkBytes = 65536;
inline constexpr std::byte kMerkleLeafPrefix{0};

// Leaves of a tensor of `num_bytes` bytes (at least 1).
std::size_t merkle_leaf_count(std::size_t num_bytes);
Digest merkle_leaf(std::span<const std::byte> chunk);
// Root over leaves in order. `leaves` must not be empty; it is used as scratch.
Digest merkle_root(std::vector<Digest> leaves);
// Both steps, on one thread.
Digest tensor_root(std::span<const std::byte> bytes);

// One named tensor as it enters a model or state root.
struct RootEntry {
  std::string name;
  std::string dtype;  // "float32", "int64": docs/formats.md
  std::vector<std::int64_t> shape;
  Digest root;
};
// Sorts by name itself. Throws Error(internal) for two equal names or no entry.
Digest named_root(std::vector<RootEntry> entries);

}  // namespace repro
