// Cuts a stream of token ids into shards in the store, and counts the ids on the way.
//
// A shard is an object of little-endian ids, cut after so many tokens wherever a document stands,
// and an object with the end offsets, counted from the shard's begin, of the documents that end in
// it. So the shards depend on the stream alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "manifests/dataset.h"

namespace repro::train {

inline constexpr std::int64_t kMaxShardBytes = std::int64_t{64} << 20;

// How often each id occurs.
class TokenCounts {
 public:
  // `where` names the file in the error. Error(invalid_argument) for an id above kMaxTokenId.
  void add(std::uint32_t id, std::string_view where);
  std::int64_t total() const;
  // One more than the greatest id seen; 0 before the first.
  std::int64_t vocab_size() const { return static_cast<std::int64_t>(counts_.size()); }
  // Entropy of the distribution in nats a token: the loss of the best model that knows no context.
  double entropy() const;

 private:
  std::vector<std::int64_t> counts_;
};

class ShardWriter {
 public:
  // Ids of `width` bytes (2 or 4). Borrows the store.
  ShardWriter(artifacts::Store& store, int width, std::int64_t max_shard_bytes = kMaxShardBytes);

  // Appends ids to the document that is open. `where` names the source.
  void add(std::span<const std::uint32_t> ids, std::string_view where);
  void end_document();
  // Ends the shard, so that the next id begins a new one.
  void cut();
  // A shard that is in the store already. Reads it once. It is one document, or with `end_of_text`
  // a document ends behind each such id, and at the shard's end.
  void take_shard(const artifacts::ObjectInfo& tokens, std::string_view where,
                  std::optional<std::uint32_t> end_of_text);
  // Ends everything; the shards in order.
  std::vector<manifests::Shard> finish();

  // In the shards that are ended.
  std::int64_t num_documents() const;
  const TokenCounts& counts() const { return counts_; }

 private:
  void push_id(std::uint32_t id);

  artifacts::Store* store_;
  std::size_t width_;
  std::size_t max_shard_bytes_;
  std::string buffer_;               // ids of the open shard, encoded
  std::vector<std::uint64_t> ends_;  // of documents in it
  std::vector<manifests::Shard> shards_;
  TokenCounts counts_;
};

}  // namespace repro::train
