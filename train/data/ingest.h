// `data add`: sources -> dataset manifest with token shards in the store.
//
// Every document is encoded and ends with the tokenizer's end-of-text id; the token stream is all
// documents in the order of the sources. Ids are stored as uint16 where the vocabulary allows, in
// shards of at most 64 MiB. Sources of ids (docs/data.md) are taken as they are, a shard a file.
// The content root depends on nothing but the stream, the tokenizer and the cutting rule.
//
// Publication: shards, manifest, then the ref datasets/NAME. What is in the store already is
// written once. Unchanged sources are recognised by the catalogue's stat cache and not read again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/clock.h"
#include "artifacts/base/digest.h"
#include "artifacts/index/catalogue.h"
#include "artifacts/store/store.h"
#include "manifests/dataset.h"

namespace repro::train {

struct IngestSpec {
  std::string name;                // "": data-ROOT, the root's first 12 digits
  std::vector<std::string> paths;  // train/data/sources.h
  // "byte", "ids", or the path of a tokenizer.json (it ends in ".json"), which goes into the store;
  // "": ids where all sources hold ids, else byte.
  std::string tokenizer;
  artifacts::Intake intake = artifacts::Intake::copy;
  // Of token files: a document ends behind each such id, and at the file's end; none: a file is one
  // document.
  std::optional<std::uint32_t> end_of_text;
};

struct Ingested {
  manifests::Dataset dataset;
  Digest manifest;  // object
  Digest root;
  std::int64_t bytes = 0;          // of the sources
  std::vector<std::string> notes;  // for people: "dataset x was ... and is now ..."
};

// Where datasets/NAME has this root already, its manifest stays; another root replaces the ref and
// is noted (the old manifest stays an object). Errors: those of sources.h, documents.h,
// token_file.h and Store; Error(invalid_argument) for a name, tokenizer or intake that does not fit
// the sources, or when nothing is left to train on; Error(conflict) if somebody else sets the ref
// at the same time.
Ingested ingest(artifacts::Store& store, artifacts::Catalogue& catalogue, Clock& clock,
                const IngestSpec& spec);

// "copy", "reflink", "in_place" ("" is copy). Error(invalid_argument).
artifacts::Intake parse_intake(std::string_view text);

}  // namespace repro::train
