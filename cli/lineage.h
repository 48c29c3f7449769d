// What a run or a model was made of, back to initial weights and imported files: the chain that
// `show` draws.
#pragma once

#include <string>
#include <vector>

#include "artifacts/base/json.h"
#include "cli/context.h"
#include "cli/resolve.h"

namespace repro::cli {

struct Ancestor {
  int depth = 0;     // 0: what was asked for
  bool last = true;  // of its siblings
  std::string kind;  // "run", "model", "missing" (named, but not in this store)
  std::string id;    // run id; hex digest of the model manifest
  std::string label;
  std::string how;         // "trained olmo2-tiny, steps 0..200", "merge/1 exact", "import-hf/1"
  std::string derivation;  // hex, "" for what is missing
};

// In drawing order: each is followed by its own ancestors. Something met twice is drawn twice, but
// its ancestors only the first time.
std::vector<Ancestor> lineage_of(Context& context, const LoadedRun& run);
std::vector<Ancestor> lineage_of(Context& context, const LoadedModel& model);

// One line each, with branches. Nothing where there is no ancestor but itself.
void print_lineage(Io& io, const std::vector<Ancestor>& lineage);
Json lineage_records(const std::vector<Ancestor>& lineage);

}  // namespace repro::cli
