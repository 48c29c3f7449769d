// What the published log of a run says about one step.
#pragma once

#include <cstdint>
#include <optional>

#include "artifacts/store/store.h"
#include "logs/run_log.h"
#include "manifests/run.h"

namespace repro::cli {

struct LoggedRoots {
  std::optional<Digest> state;  // absent where run.digest_every left the step out
  std::optional<Digest> model;
};

// Of the line of the update, or of the segment that begins at this step. Checks the log's chain:
// Error(corruption).
LoggedRoots find_logged_roots(const artifacts::Store& store, const manifests::Run& run,
                              std::int64_t step);

}  // namespace repro::cli
