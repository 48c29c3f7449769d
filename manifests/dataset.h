// Dataset manifests, schema "repro.dataset/1". The content root covers what can change a bit; notes
// do not enter it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/json.h"

namespace repro::manifests {

struct Shard {
  Digest tokens;  // object: little-endian ids of `dtype`
  std::int64_t num_tokens = 0;
  Digest documents;  // object: little-endian uint64 end offsets (in tokens) of documents
  std::int64_t num_documents = 0;

  bool operator==(const Shard&) const = default;
};

struct Dataset {
  // content
  std::string tokenizer = "byte/1";  // name and version
  std::string dtype = "uint16";      // "uint16" or "uint32"
  std::int64_t vocab_size = 0;       // ids are below it
  std::vector<Shard> shards;         // in order; the token stream is their concatenation
  // Of bpe/1 alone: the tokenizer.json (an object), and the id that ends every document, where the
  // tokenizer has one.
  std::optional<Digest> tokenizer_file;
  std::optional<std::int64_t> end_of_text;
  // notes
  std::string name;
  struct Source {
    std::string path;  // relative to the added folder; UTF-8, '/', no "." or ".."
    Digest digest;
    std::int64_t size = 0;
    std::int64_t documents = 0;

    bool operator==(const Source&) const = default;
  };
  std::vector<Source> sources;
  std::vector<std::string> skipped;  // symlinks and such, with the reason
  std::string unigram_entropy;       // nats per token, decimal text; "" where it was not counted
  std::string created;               // UTC
  std::string licence;               // manifests/licence.h; "" where none is recorded
  // Of a mixture: the datasets that it took tokens of, in order.
  struct Part {
    std::string name;
    Digest root;
    std::int64_t tokens = 0;         // taken
    std::int64_t source_tokens = 0;  // that the dataset has; fewer where it was repeated
    std::string licence;

    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;

  std::int64_t num_tokens() const;
  std::int64_t num_documents() const;
  bool operator==(const Dataset&) const = default;
};

Json dataset_content(const Dataset& dataset);
Digest dataset_root(const Dataset& dataset);  // SHA-256 of the canonical content
// Error(invalid_argument) for what `parse_dataset` would refuse (a source path that is not UTF-8).
std::string encode_dataset(const Dataset& dataset);
// Strict; checks the stored root. Error(corruption).
Dataset parse_dataset(std::string_view json, std::string_view what);

}  // namespace repro::manifests
