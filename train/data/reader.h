// The token stream of a dataset: the concatenation of its shards, with random access.
//
// A shard of up to 64 MiB, or a coded one, is read from the store when first touched, verified, and
// kept in memory up to a limit; beyond it the shard unused for longest is dropped. A larger one
// whose bytes lie in a file as they are (a released shard that was added in place) is verified when
// first touched, unless the catalogue knows its file to be as it was when it was hashed, and then
// only the tokens asked for are read. It is not mapped: a file that shrinks under a mapping ends
// the process.
//
// Errors: those of Store::get; Error(corruption) naming the shard's object where its size is not
// what the manifest says, an id is not below vocab_size, document ends are not in order, or a
// file's status changed since it was verified.
// Ownership: borrows the store and the catalogue. Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/index/catalogue.h"
#include "artifacts/store/store.h"
#include "manifests/dataset.h"
#include "train/data/shard_writer.h"

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
  // `catalogue` may be null. `max_whole_bytes`: larger shards are read in parts.
  TokenStream(const artifacts::Store& store, manifests::Dataset dataset,
              artifacts::Catalogue* catalogue = nullptr,
              std::int64_t max_cached_bytes = std::int64_t{1} << 30,
              std::int64_t max_whole_bytes = kMaxShardBytes);

  const manifests::Dataset& dataset() const { return dataset_; }
  std::int64_t num_tokens() const { return num_tokens_; }

  // Tokens [first, first + into.size()), which must lie inside the stream.
  void read(std::int64_t first, std::span<std::uint32_t> into);
  // Documents that touch [first, first + count), in order.
  std::vector<DocumentPart> find_documents(std::int64_t first, std::int64_t count);

  // The source of a shard, by the documents that end in it; "" where none does or the manifest
  // lists no sources. Needs no object.
  std::string source_of_shard(std::size_t shard) const;
  // The shard that token `token` lies in, and the first token of a shard.
  std::size_t shard_of(std::int64_t token) const;
  std::int64_t first_token(std::size_t shard) const { return slots_[shard].first_token; }
  // What is not here, in words, in the order of the shards: objects, and files of shards that were
  // added in place. Reads none of their tokens.
  std::vector<std::string> find_missing() const;

 private:
  struct Slot {
    std::string bytes;  // "" when not in memory
    std::int64_t first_token = 0;
    std::int64_t first_document = 0;
    std::uint64_t last_use = 0;
    std::optional<FileStatus> verified;  // of the file of a shard that is read in parts
  };

  bool in_parts(std::size_t shard);
  void read_part(std::size_t shard, std::int64_t first, std::span<std::uint32_t> into);
  void check_ids(std::size_t shard, std::span<const std::byte> ids, std::int64_t first) const;
  std::span<const std::byte> shard_bytes(std::size_t shard);
  std::string load_shard(std::size_t shard) const;
  void drop_unused(std::size_t keep);
  const std::vector<std::int64_t>& document_ends(std::size_t shard);
  void name_source(DocumentPart& part) const;

  const artifacts::Store* store_;
  manifests::Dataset dataset_;
  artifacts::Catalogue* catalogue_;
  int width_ = 2;
  std::int64_t num_tokens_ = 0;
  std::int64_t max_cached_bytes_;
  std::int64_t max_whole_bytes_;
  std::int64_t cached_bytes_ = 0;
  std::uint64_t clock_ = 0;  // counts uses
  std::vector<Slot> slots_;
  std::optional<std::size_t> ends_shard_;  // whose document ends `ends_` holds
  std::vector<std::int64_t> ends_;         // in tokens of the stream
};

// "12 of 1117 shards of dataset x are not here: ..." with the first few of find_missing().
std::string describe_missing(const manifests::Dataset& dataset,
                             std::span<const std::string> missing);

}  // namespace repro::train
