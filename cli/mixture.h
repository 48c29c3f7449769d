// Datasets made of other datasets of the store (docs/data.md, "Mixtures"), without reading more
// than where one of them is cut.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/json.h"
#include "artifacts/store/store.h"
#include "cli/context.h"
#include "manifests/dataset.h"

namespace repro::cli {

// What `--source DATASET[:xN|:TOKENS]` asks for.
struct MixtureSource {
  std::string dataset;
  std::int64_t passes = 1;  // over all of it
  std::int64_t tokens = 0;  // instead, where not 0
};
// TOKENS: 5000, 5e9, 1.5B, 300k (k, M, B, T are powers of 1000). Error(invalid_argument).
MixtureSource parse_mixture_source(std::string_view text);

struct MixtureInput {
  std::string name;
  manifests::Dataset dataset;
  std::int64_t tokens = 0;  // to take: from its beginning, and from there again where it is shorter
};

struct Mixture {
  manifests::Dataset dataset;      // without name and creation time
  std::vector<std::string> notes;  // for people: what was cut and copied
};

// The concatenation, with shards and documents as they are. The last shard of an input ends where
// its tokens are full, and so does the document there; its begin is then copied into the store.
// Error(invalid_argument) where inputs differ in tokenizer, dtype, vocabulary (ids/1: the greatest
// counts) or end of text, and for more shards than a manifest should have; errors of the store
// where a shard that is cut is not here.
Mixture compose_mixture(artifacts::Store& store, const std::vector<MixtureInput>& inputs);

// Error(invalid_argument) that names every input with a licence that is not in `allowed` (SPDX
// identifiers), or with none recorded.
void check_licences(const std::vector<MixtureInput>& inputs,
                    const std::vector<std::string>& allowed);

// A table of a mixture's parts, and the same as JSON; nothing, [] for another dataset.
void print_parts(Io& io, const manifests::Dataset& dataset);
Json part_records(const manifests::Dataset& dataset);

}  // namespace repro::cli
