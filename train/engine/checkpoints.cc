#include "train/engine/checkpoints.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

namespace repro::train {

Checkpoints::Checkpoints(artifacts::Store& store, RunWriter& writer, Published published)
    : store_(store), writer_(writer), published_(std::move(published)) {}

Checkpoints::~Checkpoints() {
  if (saving_.valid()) saving_.wait();
}

void Checkpoints::log(const Json& event) { put({false, event}); }
void Checkpoints::telemetry(const Json& event) { put({true, event}); }

void Checkpoints::put(Line line) {
  const bool done =
      saving_.valid() && saving_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  if (done) wait();
  if (saving_.valid()) {
    lines_.push_back(std::move(line));
  } else {
    write(line);
  }
}

void Checkpoints::write(const Line& line) {
  if (line.telemetry) {
    writer_.telemetry(line.event);
  } else {
    writer_.log(line.event);
  }
}

void Checkpoints::publish(std::int64_t step, const SavedState& saved, manifests::RunStatus status) {
  const manifests::StoredState state{step, saved.manifest, saved.roots.model, saved.roots.state};
  writer_.publish(state, status);
  published_(state);
}

void Checkpoints::save(Trainer& trainer, const Digest& derivation, manifests::RunStatus status) {
  wait();
  const Parameters& parameters = trainer.parameters();
  const Cursor cursor = trainer.cursor();
  if (status != manifests::RunStatus::running || !trainer.leaves_parameters_alone()) {
    publish(cursor.step, save_state(store_, parameters, cursor, derivation, trainer.parallel()),
            status);
    return;
  }
  saving_step_ = cursor.step;
  const int threads = trainer.parallel().num_threads();
  saving_ = std::async(std::launch::async, [this, &parameters, cursor, derivation, threads] {
    Parallel parallel(threads);  // the trainer's own is at work
    return save_state(store_, parameters, cursor, derivation, parallel);
  });
}

void Checkpoints::wait() {
  if (!saving_.valid()) return;
  const std::vector<Line> lines = std::exchange(lines_, {});
  publish(saving_step_, saving_.get(), manifests::RunStatus::running);
  for (const Line& line : lines) write(line);
}

}  // namespace repro::train
