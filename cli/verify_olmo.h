// `repro verify --as olmo2`.
#pragma once

#include <string>

#include "cli/context.h"

namespace repro::cli {

// `path`: a list of checkpoints, or a folder. Prints findings and the verdict; returns 0
// (consistent), 1 (inconsistent) or 4. Needs no store.
int run_verify_olmo(Context& context, const std::string& path);

}  // namespace repro::cli
