// Recipes that say only what differs from another one: `base: olmo2-tiny` at the top of
// recipe.yaml.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "manifests/recipe.h"

namespace repro::manifests {

inline constexpr std::size_t kMaxRecipeBases = 8;  // under one recipe

// A recipe as it was found.
struct FoundRecipe {
  std::string id;      // the same for the same recipe: a built-in name, or a file's absolute path
  std::string folder;  // where relative paths of its base begin; "" for a built-in one
  RecipeLayer recipe;
  std::optional<RecipeLayer> smoke;
};
FoundRecipe found_builtin(const BuiltinRecipe& recipe);

// The recipe that a base names, from the folder of the one that names it; nullopt where there is
// none. Called with a name that is not empty.
using RecipeFinder =
    std::function<std::optional<FoundRecipe>(const std::string& name, const std::string& folder)>;
// Knows the built-in ones alone.
std::optional<FoundRecipe> find_builtin_base(const std::string& name, const std::string& folder);

// The layers of a recipe for resolve_recipe: its bases, the lowest first, the recipe, and with
// `smoke` its smoke.yaml or, where it has none, that of the nearest base that has one.
// Error(invalid_argument) "FILE:LINE: ..." for a base that is not there, that leads back to a
// recipe above it, or for more than kMaxRecipeBases; for `smoke` where nobody has it.
std::vector<RecipeLayer> recipe_layers(const FoundRecipe& recipe, bool smoke,
                                       const RecipeFinder& find);

}  // namespace repro::manifests
