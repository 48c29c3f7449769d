// A run on disk while it is trained: log and telemetry tails, and the publication of checkpoints.
//
// Lines of the log since the last checkpoint lie in runs/ID/log-tail.jsonl (telemetry beside it). A
// checkpoint closes them: state objects, the tails as objects, the run manifest, then the ref, each
// complete before the next names it. A crash at any point leaves the last checkpoint and a tail
// that is thrown away when the run goes on: its steps are made again, with the same bytes.
// Ownership: holds the run's lock. Thread rules: one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "artifacts/store/store.h"
#include "logs/run_log.h"
#include "manifests/run.h"
#include "train/engine/state_io.h"

namespace repro::train {

class RunWriter {
 public:
  // Takes the lock (Error(conflict) if somebody trains this run), checks that the run's ref still
  // is `published` (absent for a new run), publishes a new run's manifest, clears stale tails.
  RunWriter(artifacts::Store& store, manifests::Run run, std::optional<Digest> published);

  const manifests::Run& run() const { return run_; }

  void log(const Json& event);
  void telemetry(const Json& event);

  // Publishes `state` as the newest checkpoint. `status` says how the run stands after it.
  void publish(const manifests::StoredState& state, manifests::RunStatus status);
  // Publishes only a change of status or target (no new state).
  void publish_status(manifests::RunStatus status);

 private:
  struct Tail {
    std::string path;
    logs::Chain chain;
    std::unique_ptr<File> file;
    std::string text;  // lines not yet closed
    std::int64_t lines = 0;
  };

  Tail open_tail(const std::string& name, std::string_view schema, std::string_view subject,
                 const manifests::LogSummary& summary);
  static void append(Tail& tail, const Json& event);
  void close(Tail& tail, manifests::LogSummary& summary);
  void publish_manifest();

  artifacts::Store& store_;
  manifests::Run run_;
  std::optional<Digest> published_;
  std::unique_ptr<FileLock> lock_;
  std::optional<Tail> log_;
  std::optional<Tail> telemetry_;
};

}  // namespace repro::train
