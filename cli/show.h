// Parts of `show`, by what is shown. Each prints text, or one JSON object with --json.
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"
#include "cli/resolve.h"
#include "manifests/dataset.h"
#include "manifests/state.h"

namespace repro::cli {

// A state manifest and, where known, the run it belongs to.
void show_state(Io& io, const manifests::State& state, const std::optional<Resolved>& of_run);
// A step of a run whose state is not stored: what the log says of it.
void show_logged_state(Context& context, const Resolved& resolved);
// A model and what it was made of, its ancestors too.
void show_model(Context& context, const LoadedModel& model);
void show_dataset(Io& io, const manifests::Dataset& dataset, const std::string& manifest);
// An object of the store that is no manifest of the above.
void show_object(Context& context, const Digest& digest);
// A file or folder: recipe, manifest, tensors, a checked-out state, a store. Writes nothing there.
void show_path(Context& context, const std::string& path);
// `show RUN@STEP --batch [--text]`, through the worker.
void show_batch(Context& context, const Resolved& resolved, bool text);

}  // namespace repro::cli
