// --profile-steps: where the time of some steps goes (docs/profiling.md).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "artifacts/base/json.h"
#include "cli/arguments.h"
#include "cli/context.h"
#include "manifests/run_spec.h"

namespace repro::cli {

// --profile-steps and --profile-file.
std::vector<OptionSpec> profile_options();

// What they ask for. Error(invalid_argument) for what is no step or range; Error(already_exists)
// where the file is there.
std::optional<manifests::ProfileRequest> find_profile_request(Context& context,
                                                              const Arguments& arguments);

// Refuses a range of which no step would be trained: those after `step` up to `until`.
void check_profile_range(const std::optional<manifests::ProfileRequest>& profile, std::int64_t step,
                         std::int64_t until);

// The worker's event "profile": a table of shares and the file's path; JSON as it is.
void print_profile(Context& context, const Json& event);

}  // namespace repro::cli
