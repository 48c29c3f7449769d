// The weights of a run's state or of a model, with what decides how they are used: what a model
// that is made of them, or a file for another program, must say of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/context.h"
#include "cli/resolve.h"
#include "cli/state_source.h"
#include "manifests/dataset.h"
#include "manifests/model.h"

namespace repro::cli {

struct Weights {
  StateSource source;
  manifests::ModelParent parent;  // as a parent of another model
  manifests::ModelConfig model;
  std::int64_t positions = 0;
  std::string tokenizer;
  std::optional<Digest> tokenizer_file;
  std::optional<std::int64_t> end_of_text;
};

// The id that ends the documents of the data, where there is one: 256 of the byte tokenizer, what
// the manifest says of bpe; data that is ids already has none.
std::optional<std::int64_t> end_of_text(const manifests::Dataset& dataset);

// `text`: RUN, RUN@STEP or the name of a model. A state that is not stored is re-derived.
// Error(invalid_argument) for a state named without its run.
Weights open_weights(Context& context, const std::string& text);

}  // namespace repro::cli
