#include "train/worker/loaded_model.h"

#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"
#include "manifests/model.h"
#include "train/data/stored_tokenizer.h"
#include "train/engine/backends.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"
#include "train/worker/rederive.h"

namespace repro::train {
namespace {

void check_possible(const manifests::RunSpec& spec, const manifests::Config& config) {
  if (!spec.model && spec.last != spec.run.segments.front().first_step) {
    check_range(spec.run, spec.last, spec.last);
  }
  if (config.run.device != "cpu") {
    throw Error(Code::environment, "models are asked on the CPU: no --device " + config.run.device,
                "leave --device out; in exact the bits are those that any device must give");
  }
}

}  // namespace

LoadedModel::LoadedModel(const manifests::RunSpec& spec)
    : spec_(spec),
      store_(artifacts::Store::open(system_file_system(), spec.store)),
      inputs_(spec.model ? read_model() : read_run()),
      tokenizer_(open_tokenizer(store_, inputs_.dataset)),
      path_(choose_exact_path(spec.running.kernels)),
      parallel_(thread_count(spec.running)) {
  if (!spec.inference->profile.empty()) inputs_.config.profile = spec.inference->profile;
  check_possible(spec, inputs_.config);
  held_constant_ = held_constant_of_inference(inputs_.config, parallel_.num_threads());
}

SegmentInputs LoadedModel::read_run() {
  const manifests::StoredState* nearest = manifests::nearest_state(spec_.run, spec_.last);
  if (nearest != nullptr && nearest->step == spec_.last) stored_ = nearest->manifest;
  return load_segment(store_, manifests::segment_at(spec_.run, spec_.last), spec_.running);
}

SegmentInputs LoadedModel::read_model() {
  const manifests::Model model =
      manifests::parse_model(store_.get(*spec_.model), "model " + spec_.model->short_hex());
  stored_ = model.state;
  SegmentInputs inputs;
  inputs.config.model = model.model;
  inputs.config.data.sequence_length = model.positions;
  inputs.config.run = spec_.running;
  inputs.dataset.tokenizer = model.tokenizer;
  inputs.dataset.tokenizer_file = model.tokenizer_file;
  inputs.dataset.end_of_text = model.end_of_text;
  return inputs;
}

TokenLimits LoadedModel::limits() const {
  return {inputs_.config.model.vocab_size, inputs_.config.data.sequence_length};
}

std::optional<std::uint32_t> LoadedModel::end_of_text() const {
  const auto& of_model = inputs_.dataset.end_of_text;
  if (!spec_.model || !of_model) return tokenizer_->end_of_text();
  return static_cast<std::uint32_t>(*of_model);
}

Digest LoadedModel::read_stored(const Digest& manifest) {
  parameters_.emplace(inputs_.config.model);
  return load_weights(store_, manifest, *parameters_, parallel_);
}

Digest LoadedModel::rederive() {
  const LogIndex log = index_log(store_, spec_.run);
  cursor_.emplace(store_, spec_.run, spec_.last, make_machine(spec_.running, parallel_),
                  spec_.running);
  walk_to(*cursor_, spec_.last);
  Trainer& trainer = cursor_->trainer();
  const Roots roots = trainer.roots();
  check_root(log, spec_.last, roots.state);
  return roots.model;
}

LanguageModel& LoadedModel::load() {
  const Digest root = stored_ ? read_stored(*stored_) : rederive();
  const Parameters& parameters = stored_ ? *parameters_ : cursor_->trainer().parameters();
  model_ = make_decoder(inputs_.config, path_, parallel_, parameters);
  emit({{"type", "model"},
        {"run", spec_.model ? Json() : Json(spec_.run.id)},
        {"step", spec_.model ? Json() : Json(spec_.last)},
        {"model", root.hex()},
        {"parameters", manifests::parameter_count(inputs_.config.model)},
        {"positions", inputs_.config.data.sequence_length},
        {"profile", inputs_.config.profile},
        {"held_constant", held_constant_},
        {"tokenizer", inputs_.dataset.tokenizer}});
  return *model_;
}

}  // namespace repro::train
