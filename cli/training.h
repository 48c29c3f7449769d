// Driving the worker through a training, and showing it: progress for people, events for programs.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/context.h"
#include "manifests/run_spec.h"

namespace repro::cli {

struct TrainingOrder {
  manifests::Run run;               // to publish first, or as it is published
  std::optional<Digest> published;  // its manifest; absent for a new run
  manifests::RunConfig running;
  std::int64_t until = 0;
  std::optional<manifests::ProfileRequest> profile = std::nullopt;
};

// Trains and ends by printing run id, step and state root, also when a signal ended it (then throws
// Error(cancelled)). JSON: "start", "step", "eval", "task", "checkpoint" events of the worker, then
// the run's record.
void train(Context& context, TrainingOrder order);

}  // namespace repro::cli
