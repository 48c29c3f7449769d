// The token stream of a dataset: the concatenation of its shards, with random access.
//
// Shards are read from the store when first touched, verified, and kept decoded in memory up to a
// limit; beyond it the shard unused for longest is dropped.
// Errors: those of Store::get; Error(corruption) naming the shard's object where its size is not
// what the manifest says, an id is not below vocab_size, or document ends are not in order.
// Ownership: borrows the store. Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "manifests/dataset.h"

namespace repro::train {

// A document, or the part of one inside a token range.
struct DocumentPart {
  std::int64_t index = 0;  // in the stream
  std::int64_t first = 0;  // tokens [first, end) of the stream, clipped to the range asked
  std::int64_t end = 0;
  std::string source;  // name of the source file; "" where the manifest lists none
  std::int64_t index_in_source = 0;
};

class TokenStream {
 public:
  TokenStream(const artifacts::Store& store, manifests::Dataset dataset,
              std::int64_t max_cached_bytes = std::int64_t{1} << 30);

  const manifests::Dataset& dataset() const { return dataset_; }
  std::int64_t num_tokens() const { return num_tokens_; }

  // Tokens [first, first + into.size()), which must lie inside the stream.
  void read(std::int64_t first, std::span<std::uint32_t> into);
  // Documents that touch [first, first + count), in order.
  std::vector<DocumentPart> find_documents(std::int64_t first, std::int64_t count);

 private:
  struct Slot {
    std::string bytes;  // "" when not in memory
    std::int64_t first_token = 0;
    std::uint64_t last_use = 0;
  };

  std::span<const std::byte> shard_bytes(std::size_t shard);
  std::string load_shard(std::size_t shard) const;
  void drop_unused(std::size_t keep);
  void load_document_ends();
  void name_source(DocumentPart& part) const;

  const artifacts::Store* store_;
  manifests::Dataset dataset_;
  int width_ = 2;
  std::int64_t num_tokens_ = 0;
  std::int64_t max_cached_bytes_;
  std::int64_t cached_bytes_ = 0;
  std::uint64_t clock_ = 0;  // counts uses
  std::vector<Slot> slots_;
  std::vector<std::int64_t> ends_;  // of documents in the stream; empty until asked for
};

}  // namespace repro::train
