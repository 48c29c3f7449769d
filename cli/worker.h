// The other program, `repro-train` (docs/worker.md): everything that computes runs there.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "artifacts/base/json.h"
#include "cli/context.h"
#include "manifests/run_spec.h"

namespace repro::cli {

// REPRO_TRAIN, else `repro-train` beside this program; nullopt where neither exists.
std::optional<std::string> find_worker(Context& context);
// As above; Error(environment) that says how to get one.
std::string require_worker(Context& context);

// Runs `spec` to its end and hands each event to `on_event`. Events `note` go to Io::note, `error`
// becomes repro::Error with the worker's code, message and hint. Returns the `done` event (null
// where the command ends without one). Error(environment) where the worker is missing or cannot
// start; Error(cancelled) after a signal, when the worker has stopped in order; Error(internal)
// where it dies or talks nonsense.
Json run_worker(Context& context, const manifests::RunSpec& spec,
                const std::function<void(const Json&)>& on_event);

}  // namespace repro::cli
