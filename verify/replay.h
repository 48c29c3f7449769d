// Replay: what re-executing steps of a run costs, and whether the lines it gives are the logged
// ones. Pure; the worker does the executing (docs/worker.md, `replay`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/run.h"
#include "verify/run_logs.h"

namespace repro::verify {

// One execution: from a stored state (or the initial one) through update `last`.
struct ReplayPlan {
  std::int64_t first = 0;  // updates first..last are compared
  std::int64_t last = 0;
  std::int64_t start = 0;    // step of the state it starts from
  bool from_stored = false;  // false: the run's own beginning (initialisation or parent state)
  std::int64_t updates() const { return last - start; }
};

// Error(invalid_argument) where the range is not within the run's steps.
ReplayPlan plan_replay(const manifests::Run& run, std::int64_t first, std::int64_t last);
// All steps of the run.
ReplayPlan plan_replay(const manifests::Run& run);
// Executions that cover single steps; steps that start from one state share an execution, which
// then covers all between the first and the last of them. `steps` sorted.
std::vector<ReplayPlan> plan_samples(const manifests::Run& run,
                                     const std::vector<std::int64_t>& steps);

// `count` different steps of the run, sorted, as `seed` decides (mt19937_64 with rejection: the
// same on every machine). All steps where the run has no more.
std::vector<std::int64_t> sample_steps(const manifests::Run& run, std::int64_t count,
                                       std::uint64_t seed);
// From the system's random source, so that whoever made the run could not know it.
std::uint64_t fresh_seed();

struct ReplayVerdict {
  bool identical = false;
  std::int64_t num_lines = 0;  // equal lines, up to the first difference
  // Of the first difference.
  std::int64_t line_number = 0;  // in the log, from 1
  std::int64_t step = 0;
  std::vector<std::string> fields;  // keys that differ; "chain" alone: an earlier line must differ
  std::string logged;               // the two lines, "" where one is absent
  std::string replayed;
  std::string reason;  // one sentence
};

// Compares byte for byte. `log` is the whole stored log; `replayed` are the worker's lines in
// order, without newlines. They must begin at or before update `plan.first` and reach the last line
// of `plan.last`.
ReplayVerdict compare_replay(std::string_view log, const ReplayPlan& plan,
                             const std::vector<std::string>& replayed);

}  // namespace repro::verify
