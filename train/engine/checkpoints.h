// When checkpoints of a run are saved: at once, or beside the training where its state lies on a
// device. Then hashing, compressing and writing cost the training only the copy to the host; lines
// that come meanwhile wait, since a checkpoint closes the log (run_writer.h).
//
// Ownership: store, writer and the trainer of `save` outlive it. Thread rules: one thread calls.
#pragma once

#include <functional>
#include <future>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "train/engine/run_writer.h"
#include "train/engine/trainer.h"

namespace repro::train {

class Checkpoints {
 public:
  using Published = std::function<void(const manifests::StoredState& state)>;

  // `published` is called when a checkpoint stands.
  Checkpoints(artifacts::Store& store, RunWriter& writer, Published published);
  // Waits; what was being saved is not published.
  ~Checkpoints();
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  // As RunWriter's. They throw what saving threw.
  void log(const Json& event);
  void telemetry(const Json& event);

  // Saves and publishes the trainer's state; beside what follows, if the run goes on and the
  // trainer leaves its parameters alone. Waits for the one before.
  void save(Trainer& trainer, const Digest& derivation, manifests::RunStatus status);

  // Publishes what is being saved. Throws what went wrong with it; then the checkpoint before
  // stands, and lines since are lost, as after a crash.
  void wait();

 private:
  struct Line {
    bool telemetry = false;
    Json event;
  };

  void put(Line line);
  void write(const Line& line);
  void publish(std::int64_t step, const SavedState& saved, manifests::RunStatus status);

  artifacts::Store& store_;
  RunWriter& writer_;
  Published published_;
  std::future<SavedState> saving_;  // valid while there is one
  std::int64_t saving_step_ = 0;
  std::vector<Line> lines_;  // that wait for it
};

}  // namespace repro::train
