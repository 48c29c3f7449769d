#include "train/engine/run_source.h"

#include <string>

#include "artifacts/base/error.h"
#include "train/engine/backends.h"

namespace repro::train {
namespace {

// The native profile promises its bits only where what the derivation binds is the same.
void check_environment(const manifests::Segment& segment, const manifests::Config& config,
                       const Machine& machine) {
  check_held_constant(segment.content.held_constant,
                      held_constant(config.profile, config.run, machine.parallel->num_threads()));
}

}  // namespace

SegmentInputs load_segment(const artifacts::Store& store, const manifests::Segment& segment,
                           const manifests::RunConfig& running) {
  SegmentInputs inputs;
  inputs.config =
      manifests::parse_config(store.get(segment.config), "config " + segment.config.short_hex());
  inputs.config.run = running;
  inputs.dataset = manifests::parse_dataset(store.get(segment.dataset),
                                            "dataset " + segment.dataset.short_hex());
  return inputs;
}

std::string read_log(const artifacts::Store& store, const manifests::Run& run) {
  std::string text;
  for (const manifests::LogPiece& piece : run.log.pieces) text += store.get(piece.digest);
  const std::string genesis =
      logs::genesis(logs::kLogSchema, run.segments.front().derivation.hex());
  const std::string what = "log of run " + run.id.substr(0, 12);
  const logs::CheckedLines checked = logs::check_lines(text, genesis, what, false);
  if (run.log.lines != 0 && checked.head != run.log.head) {
    throw Error(Code::corruption, what + " does not end with the head its manifest names");
  }
  return text;
}

RunCursor::RunCursor(const artifacts::Store& store, const manifests::Run& run, std::int64_t step,
                     const Machine& machine, const manifests::RunConfig& running)
    : store_(store), run_(run), machine_(machine), running_(running) {
  const manifests::StoredState* nearest = manifests::nearest_state(run, step);
  const manifests::Segment& first = run.segments.front();
  const manifests::Segment* active = &first;
  if (nearest != nullptr && nearest->step > first.first_step) {
    active = &manifests::segment_of(run, nearest->step);
  }
  if (step < first.first_step) {
    throw Error(Code::invalid_argument,
                "run " + run.id.substr(0, 12) + " begins at step " +
                    std::to_string(first.first_step) + ", so it has no step " +
                    std::to_string(step),
                "ask its parent run for earlier steps");
  }
  const SegmentInputs inputs = load_segment(store, *active, running);
  check_environment(*active, inputs.config, machine);
  trainer_ = std::make_unique<Trainer>(inputs.config, store, inputs.dataset, machine);
  if (nearest != nullptr) {
    trainer_->load(store, nearest->manifest);
  } else if (!first.parent_state.empty()) {
    trainer_->load(store, parse_digest(first.parent_state, "parent state of the run"));
  } else {
    trainer_->initialize();
  }
}

std::vector<logs::SegmentEvent> RunCursor::begin_segments() {
  std::vector<logs::SegmentEvent> events;
  for (const manifests::Segment& segment : run_.segments) {
    if (segment.first_step != step()) continue;
    const bool first = &segment == &run_.segments.front();
    if (!first) {
      const SegmentInputs inputs = load_segment(store_, segment, running_);
      check_environment(segment, inputs.config, machine_);
      trainer_->reconfigure(inputs.config, store_, inputs.dataset);
    }
    const Roots roots = trainer_->roots();
    events.push_back({step(), segment.derivation, roots.model, roots.state});
  }
  return events;
}

}  // namespace repro::train
