// From what a person types to what it means.
//
//   ./folder, a/b.yaml   an existing file or folder, where the text contains '/'
//   last, last~2          newest run, the second before it
//   X@40, X@-1            state of run X at step 40; its newest stored state
//   3f2a... (64 digits)   run id, object, state root or dataset root
//   my-run                tag, run name (the newest of that name), model or dataset
//   3f2a                  run, else object, by unique prefix of at least 4 hex digits
//   folder, a.yaml        an existing file or folder
//   olmo2-tiny            a built-in recipe
//
// Only manifests, never the catalogue, decide what a name means. Errors: Error(not_found) with the
// nearest name; Error(invalid_argument) for an ambiguous prefix, listing the candidates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"
#include "manifests/dataset.h"
#include "manifests/model.h"
#include "manifests/run.h"
#include "manifests/state.h"

namespace repro::cli {

enum class Noun : std::uint8_t { run, state, model, dataset, object, path, recipe };
// "run", "state", ... for messages.
std::string_view noun_name(Noun noun);

struct LoadedModel {
  Digest manifest;
  manifests::Model model;
};

struct Resolved {
  Noun noun = Noun::object;
  std::string text;  // as typed
  Digest digest;     // manifest of the run, stored state, model or dataset; the object
  std::optional<manifests::Run> run;  // run; state asked as RUN@STEP
  std::optional<std::int64_t> step;   // state asked as RUN@STEP
  std::optional<LoadedModel> model;   // model; the state of one
  bool stored = true;                 // state: false where it must be re-derived (digest is empty)
  std::string path;                   // path
  std::string name;                   // recipe, model, dataset
};

Resolved resolve(Context& context, std::string_view text);
// As above, but anything but a run (or, `last`) is Error(invalid_argument).
Resolved resolve_run(Context& context, std::string_view text);
// A run means its newest stored state, a model its state.
Resolved resolve_state(Context& context, std::string_view text);
// A run as it is now, with the digest of its manifest.
struct LoadedRun {
  Digest manifest;
  manifests::Run run;
};
// Newest first. Unreadable manifests are Error(corruption).
std::vector<LoadedRun> load_runs(Context& context);

manifests::Run load_run(const artifacts::Store& store, const Digest& manifest);
manifests::Model load_model(const artifacts::Store& store, const Digest& manifest);
manifests::State load_state(const artifacts::Store& store, const Digest& manifest);
manifests::Dataset load_dataset(const artifacts::Store& store, const Digest& manifest);

// "3f2a9c01 (name)" for people.
std::string run_label(const manifests::Run& run);

}  // namespace repro::cli
