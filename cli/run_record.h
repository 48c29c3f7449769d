// A run as the commands print it: one JSON record (type "run") and one text, used by `show`,
// `train` and `resume`; and the short line of lists.
#pragma once

#include <optional>
#include <string>

#include "artifacts/base/json.h"
#include "cli/context.h"
#include "cli/resolve.h"
#include "logs/spikes.h"
#include "manifests/run.h"

namespace repro::cli {

// {"id","name","recipe","status","step","until","created","manifest","derivation",
//  "state":{"digest","manifest","step"},"model":{"digest"},"dataset":{...},"segments":[...],
//  "states":[...],"log":{..., "spikes":{...}},"code":{...}}; state.digest is the state root of the
//  newest stored state, null without one.
Json run_record(Context& context, const LoadedRun& loaded);
// As above for people.
void print_run(Context& context, const LoadedRun& loaded);
// The three lines that `train` and `resume` end with, or the record as JSON.
void print_outcome(Context& context, const std::string& run_id);

// "2 of 950 steps (0.21%)"; "none of 950 steps"; "too few steps".
std::string spikes_text(const logs::SpikeScore& score);

// What lists show; cached by manifest digest, since reading a log for its last loss takes time.
struct RunSummary {
  std::string id;
  std::string name;
  std::string recipe;
  std::string created;
  std::string nonce;
  std::string status;  // as in the manifest
  std::int64_t step = 0;
  std::int64_t until = 0;
  std::string state_root;  // "" without a stored state
  std::string loss;        // of the last logged step, decimal; "" without one
};
RunSummary summarise(Context& context, const artifacts::Ref& ref);
// Newest first.
std::vector<RunSummary> list_summaries(Context& context);

// "running" only while somebody trains it: a run that was killed is "interrupted".
std::string live_status(Context& context, const std::string& run_id, const std::string& status);

}  // namespace repro::cli
