// Events of the worker on standard output (docs/worker.md): one JSON object a line, flushed at
// once.
#pragma once

#include <string>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "logs/run_log.h"
#include "manifests/run.h"
#include "train/engine/profile.h"
#include "train/engine/trainer.h"

namespace repro::train {

// Writes an event. A reader that went away is no error: the training goes on and its results are
// kept.
void emit(const Json& event);
// Whether the reader went away: a command whose events are all it makes need not go on.
bool reader_left();

Json step_event(const logs::StepEvent& step, double seconds);
Json evaluation_event(const logs::EvaluationEvent& event);
// For the telemetry (docs/formats.md, "Logs"); not emitted.
Json peaks_event(std::int64_t step, const Peaks& peaks);
Json state_event(const char* type, const manifests::StoredState& state);
Json profile_event(const ProfileSummary& summary, const manifests::ProfileRequest& request,
                   const std::string& path, int threads);
Json error_event(const Error& error);

}  // namespace repro::train
