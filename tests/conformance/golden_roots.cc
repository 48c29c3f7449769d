#include "tests/conformance/golden_roots.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/base/environment.h"
#include "manifests/dataset.h"
#include "manifests/recipe.h"

namespace repro::train {

std::string golden_path(const std::string& recipe) {
  return find_environment("REPRO_SOURCE_DIR").value_or(".") + "/train/recipes/" + recipe +
         "/golden.json";
}

Json golden_of(const SmokeInputs& inputs, const SmokeResult& result) {
  return {{"schema", "repro.golden/1"},
          {"dataset_root", manifests::dataset_root(inputs.dataset).hex()},
          {"steps", inputs.config.train.steps},
          {"model", result.roots.model.hex()},
          {"state", result.roots.state.hex()},
          {"log_head", result.log_head}};
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const auto& recipe : manifests::builtin_recipes()) {
    if (!recipe.smoke.empty()) names.emplace_back(recipe.name);
  }
  return names;
}

std::string test_name(std::string recipe) {
  std::replace(recipe.begin(), recipe.end(), '-', '_');
  return recipe;
}

}  // namespace repro::train
