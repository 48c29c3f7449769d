#include "train/worker/loaded_model.h"

#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"
#include "train/data/stored_tokenizer.h"
#include "train/engine/backends.h"
#include "train/models/olmo2_decoder.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"
#include "train/worker/rederive.h"

namespace repro::train {
namespace {

const manifests::Segment& segment_at(const manifests::Run& run, std::int64_t step) {
  const manifests::Segment& first = run.segments.front();
  return step > first.first_step ? manifests::segment_of(run, step) : first;
}

void check_possible(const manifests::RunSpec& spec, const manifests::Config& config) {
  if (spec.last != spec.run.segments.front().first_step) {
    check_range(spec.run, spec.last, spec.last);
  }
  if (config.profile != "exact") {
    throw Error(Code::unsupported,
                "run " + spec.run.id.substr(0, 12) + " has the profile " + config.profile +
                    "; only exact models can be asked",
                "`repro checkout` writes its weights for other programs; to ask it here, train it "
                "with --profile exact");
  }
  if (config.run.device != "cpu") {
    throw Error(Code::environment, "models are asked on the CPU: no --device " + config.run.device,
                "leave --device out; the bits are those that any device must give");
  }
}

}  // namespace

LoadedModel::LoadedModel(const manifests::RunSpec& spec)
    : spec_(spec),
      store_(artifacts::Store::open(system_file_system(), spec.store)),
      inputs_(load_segment(store_, segment_at(spec.run, spec.last), spec.running)),
      tokenizer_(open_tokenizer(store_, inputs_.dataset)),
      path_(choose_exact_path(spec.running.kernels)),
      parallel_(thread_count(spec.running)) {
  check_possible(spec, inputs_.config);
}

TokenLimits LoadedModel::limits() const {
  return {inputs_.config.model.vocab_size, inputs_.config.data.sequence_length};
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
  const manifests::StoredState* nearest = manifests::nearest_state(spec_.run, spec_.last);
  const bool stored = nearest != nullptr && nearest->step == spec_.last;
  const Digest root = stored ? read_stored(nearest->manifest) : rederive();
  const Parameters& parameters = stored ? *parameters_ : cursor_->trainer().parameters();
  model_ = make_exact_olmo2_decoder(inputs_.config, path_, parallel_, parameters);
  emit({{"type", "model"},
        {"run", spec_.run.id},
        {"step", spec_.last},
        {"model", root.hex()},
        {"parameters", manifests::parameter_count(inputs_.config.model)},
        {"positions", inputs_.config.data.sequence_length},
        {"tokenizer", inputs_.dataset.tokenizer}});
  return *model_;
}

}  // namespace repro::train
