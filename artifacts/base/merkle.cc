#include "artifacts/base/merkle.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"

namespace repro {
namespace {

constexpr std::byte kNodePrefix{1};
constexpr std::byte kEntryPrefix{2};

Digest hash_prefixed(std::byte prefix, std::span<const std::byte> first,
                     std::span<const std::byte> second = {}) {
  thread_local Sha256 hasher;  // making a context costs more than hashing a node
  return hasher.update(std::span(&prefix, 1)).update(first).update(second).finish();
}

std::span<const std::byte> bytes_of(const Digest& digest) {
  return std::as_bytes(std::span(digest.bytes));
}

}  // namespace

std::size_t merkle_leaf_count(std::size_t num_bytes) {
  return std::max<std::size_t>(1, (num_bytes + kMerkleChunkBytes - 1) / kMerkleChunkBytes);
}

Digest merkle_leaf(std::span<const std::byte> chunk) {
  return hash_prefixed(kMerkleLeafPrefix, chunk);
}

Digest merkle_root(std::vector<Digest> leaves) {
  REPRO_CHECK(!leaves.empty());
  while (leaves.size() > 1) {
    std::size_t out = 0;
    for (std::size_t i = 0; i + 1 < leaves.size(); i += 2) {
      leaves[out++] = hash_prefixed(kNodePrefix, bytes_of(leaves[i]), bytes_of(leaves[i + 1]));
    }
    if (leaves.size() % 2 == 1) leaves[out++] = leaves.back();
    leaves.resize(out);
  }
  return leaves.front();
}

Digest tensor_root(std::span<const std::byte> bytes) {
  std::vector<Digest> leaves(merkle_leaf_count(bytes.size()));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::size_t begin = i * kMerkleChunkBytes;
    leaves[i] =
        merkle_leaf(bytes.subspan(begin, std::min(kMerkleChunkBytes, bytes.size() - begin)));
  }
  return merkle_root(std::move(leaves));
}

Digest named_root(std::vector<RootEntry> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const RootEntry& a, const RootEntry& b) { return a.name < b.name; });
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    REPRO_CHECK(i == 0 || entries[i - 1].name != entries[i].name);
    const Json entry = {{"dtype", entries[i].dtype},
                        {"name", entries[i].name},
                        {"root", entries[i].root.hex()},
                        {"shape", entries[i].shape}};
    leaves.push_back(hash_prefixed(kEntryPrefix, as_bytes(encode_json(entry))));
  }
  return merkle_root(std::move(leaves));
}

}  // namespace repro
