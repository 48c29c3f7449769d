// --copy, --reflink, --in-place of `add` and `data add`.
#pragma once

#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "cli/arguments.h"

namespace repro::cli {

struct IntakeChoice {
  artifacts::Intake intake = artifacts::Intake::copy;
  std::string name = "copy";  // as the worker's spec says it
};
std::vector<OptionSpec> intake_options();
// Error(invalid_argument) for more than one.
IntakeChoice parse_intake(const Arguments& arguments);

}  // namespace repro::cli
