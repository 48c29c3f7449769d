// Walking a run to a step that was not stored, and what its log says about the way.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "artifacts/store/store.h"
#include "logs/run_log.h"
#include "manifests/run.h"
#include "train/engine/run_source.h"

namespace repro::train {

// What the published log says about each step.
struct LogIndex {
  std::map<std::int64_t, logs::StepEvent> steps;
  std::map<std::int64_t, std::string> chain;  // chain value after the last line of a step
};
LogIndex index_log(const artifacts::Store& store, const manifests::Run& run);

// Error(invalid_argument) where `first`..`last` are not updates of the run.
void check_range(const manifests::Run& run, std::int64_t first, std::int64_t last);

// Executes the updates up to `step`, an event `progress` each. Error(cancelled) after a signal.
void walk_to(RunCursor& cursor, std::int64_t step);

// Error(nondeterminism) where the log names another state root for the step.
void check_root(const LogIndex& log, std::int64_t step, const Digest& state_root);

}  // namespace repro::train
