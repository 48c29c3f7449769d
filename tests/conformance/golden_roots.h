// The roots that a recipe's smoke size must reach (train/recipes/NAME/golden.json).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "artifacts/base/json.h"
#include "tests/conformance/smoke_run.h"

namespace repro::train {

std::string golden_path(const std::string& recipe);
// What the file says of such a result.
Json golden_of(const SmokeInputs& inputs, const SmokeResult& result);

// Built-in recipes with a smoke size; the others are too large to be tried.
std::vector<std::string> recipe_names();
// A recipe's name as a part of a test's.
std::string test_name(std::string recipe);

}  // namespace repro::train
