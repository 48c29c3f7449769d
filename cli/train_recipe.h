// One training: from a recipe and where it starts to a run that stands at the step asked for. What
// `train` does, and each training stage of a pipeline.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/branch.h"
#include "cli/context.h"
#include "cli/recipe_source.h"
#include "manifests/run_spec.h"

namespace repro::cli {

struct TrainRequest {
  ResolvedRecipe recipe;
  std::string name;                 // of a new run, or ""
  std::vector<std::string> data;    // a dataset, or files and folders, instead of the recipe's
  std::optional<std::string> from;  // RUN@STEP or MODEL
  Reset reset;
  std::optional<std::int64_t> until;  // else the end of the schedule
  bool again = false;                 // train a known derivation anew, and compare
  std::optional<manifests::ProfileRequest> profile = std::nullopt;
};

struct TrainOutcome {
  std::string run;  // id
  int status = 0;   // 1: it was trained again and differs
};

// Trains, continues or reports: a derivation that has a run is not trained twice, unless `again`.
// Makes a store where there is none. Errors as of `train` (docs/cli.md).
TrainOutcome train_recipe(Context& context, const TrainRequest& request);

}  // namespace repro::cli
