#include "cli/weights.h"

#include <fmt/format.h>

#include <utility>

#include "artifacts/base/error.h"
#include "cli/new_run.h"

namespace repro::cli {
namespace {

Weights of_model(Context& context, const Resolved& resolved) {
  const manifests::Model& model = resolved.model->model;
  Weights weights{StateSource::open(context, resolved),
                  {},
                  model.model,
                  model.positions,
                  model.tokenizer,
                  model.tokenizer_file,
                  model.end_of_text};
  weights.parent.model = resolved.model->manifest.hex();
  return weights;
}

Weights of_run(Context& context, const Resolved& resolved) {
  const manifests::Segment& segment = manifests::segment_at(*resolved.run, *resolved.step);
  const manifests::Config config = load_config(context.store(), segment);
  const manifests::Dataset dataset = load_dataset(context.store(), segment.dataset);
  Weights weights{StateSource::open(context, resolved),
                  {},
                  config.model,
                  config.data.sequence_length,
                  dataset.tokenizer,
                  dataset.tokenizer_file,
                  end_of_text(dataset)};
  weights.parent.run = resolved.run->id;
  return weights;
}

}  // namespace

std::optional<std::int64_t> end_of_text(const manifests::Dataset& dataset) {
  constexpr std::int64_t kByteEnd = 256;
  return dataset.tokenizer.starts_with("byte/") ? std::optional(kByteEnd) : dataset.end_of_text;
}

Weights open_weights(Context& context, const std::string& text) {
  const Resolved resolved = resolve_state(context, text);
  if (!resolved.model && (!resolved.run || !resolved.step)) {
    throw Error(Code::invalid_argument, fmt::format("'{}' is a state without its run", text),
                "write RUN@STEP, or the name of a model");
  }
  Weights weights = resolved.model ? of_model(context, resolved) : of_run(context, resolved);
  const manifests::State& state = weights.source.state();
  weights.parent.label = text;
  weights.parent.step = state.step;
  weights.parent.state = weights.source.manifest();
  weights.parent.model_root = state.model_root;
  return weights;
}

}  // namespace repro::cli
