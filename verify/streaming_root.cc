#include "verify/streaming_root.h"

#include <algorithm>
#include <utility>

namespace repro::verify {

void StreamingRoot::update(std::span<const std::byte> piece) {
  if (!partial_.empty()) {
    const std::size_t count = std::min(piece.size(), kMerkleChunkBytes - partial_.size());
    partial_.insert(partial_.end(), piece.begin(), piece.begin() + static_cast<long>(count));
    piece = piece.subspan(count);
    if (partial_.size() < kMerkleChunkBytes) return;
    leaves_.push_back(merkle_leaf(partial_));
    partial_.clear();
  }
  while (piece.size() >= kMerkleChunkBytes) {
    leaves_.push_back(merkle_leaf(piece.first(kMerkleChunkBytes)));
    piece = piece.subspan(kMerkleChunkBytes);
  }
  partial_.assign(piece.begin(), piece.end());
}

Digest StreamingRoot::finish() {
  if (!partial_.empty() || leaves_.empty()) leaves_.push_back(merkle_leaf(partial_));
  return merkle_root(std::move(leaves_));
}

}  // namespace repro::verify
