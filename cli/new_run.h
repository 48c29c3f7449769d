// From a configuration and a dataset to what is hashed: derivations, segments, run manifests. Puts
// the objects they name into the store; publishes no ref (the worker does).
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"
#include "cli/data_source.h"
#include "cli/recipe_source.h"
#include "cli/resolve.h"
#include "manifests/run.h"

namespace repro::cli {

// Where a segment begins: at the initialisation, or at a state.
struct SegmentStart {
  std::int64_t first_step = 0;
  std::string initial = "init";  // or the hex state root
  std::string parent_run;        // "" where it did not branch off
  std::string parent_model;      // hex digest of the model manifest, "" where it is none
  std::string parent_state;      // hex digest of the state manifest, "" for init
  std::string reason;
};

// `held_constant` is asked of the worker for profiles that have one.
manifests::Derivation make_derivation(Context& context, const manifests::Config& config,
                                      const Digest& dataset_root, const SegmentStart& start);
// Stores the configuration.
manifests::Segment make_segment(Context& context, const manifests::Config& config,
                                const LoadedDataset& data, const SegmentStart& start);
// A run that has not begun, with code identity and a fresh nonce.
manifests::Run make_run(Context& context, const ResolvedRecipe& recipe,
                        const manifests::Segment& segment, const std::string& name);

// The newest run whose only segment has this derivation.
std::optional<LoadedRun> find_realisation(Context& context, const Digest& derivation);

// The configuration of a run's newest segment.
manifests::Config load_config(const artifacts::Store& store, const manifests::Segment& segment);

}  // namespace repro::cli
