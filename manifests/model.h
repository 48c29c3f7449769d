// Model manifests, schema "repro.model/1": weights that no run of ours was trained to, but that
// were imported or merged, together with what made them. A run begins at one as at a state
// (`train --from MODEL`).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "manifests/model_config.h"

namespace repro::manifests {

// A state or model that a model was made of.
struct ModelParent {
  std::string label;  // as a person names it: "last@40", "base"; note
  std::string run;    // hex run id, "" where it is a model
  std::string model;  // hex digest of the model manifest, "" where it is a run's state
  std::int64_t step = 0;
  Digest state;  // state manifest
  Digest model_root;

  bool operator==(const ModelParent&) const = default;
};

// A file that a model was made of. The bytes themselves need not be in the store.
struct ModelFile {
  std::string path;  // relative, UTF-8, '/', no "." or ".."; note
  Digest digest;
  std::int64_t size = 0;

  bool operator==(const ModelFile&) const = default;
};

// What decides the bits of a model.
struct ModelOrigin {
  std::string operation;                        // "import-hf/1", "merge/1"
  std::map<std::string, std::string> settings;  // "formula": "exact"
  std::vector<ModelParent> parents;             // in the order in which they were used
  std::vector<ModelFile> files;                 // in path order

  bool operator==(const ModelOrigin&) const = default;
};
// SHA-256 of canonical {"files": digests, "operation", "parents": model roots, "schema":
// "repro.model-derivation/1", "settings"}. The `derivation` of the model's state.
Digest model_derivation(const ModelOrigin& origin);

struct Model {
  std::string name;     // note
  std::string created;  // UTC; note
  ModelConfig model;
  std::int64_t positions = 0;            // of a sequence, at most
  std::string tokenizer = "ids/1";       // as in a dataset
  std::optional<Digest> tokenizer_file;  // of bpe/1 alone
  std::optional<std::int64_t> end_of_text;
  Digest state;       // state manifest: weights, and moments and counters where they were known
  Digest model_root;  // of that state
  Digest state_root;
  ModelOrigin origin;

  bool operator==(const Model&) const = default;
};

// Error(invalid_argument) for what `parse_model` would refuse.
std::string encode_model(const Model& model);
// Strict. Error(corruption).
Model parse_model(std::string_view json, std::string_view what);

}  // namespace repro::manifests
