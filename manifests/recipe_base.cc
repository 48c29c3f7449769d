#include "manifests/recipe_base.h"

#include <algorithm>

#include "artifacts/base/error.h"
#include "artifacts/base/spelling.h"
#include "manifests/recipe_reader.h"

namespace repro::manifests {
namespace {

constexpr std::string_view kBaseKey = "base";

std::string where(const RecipeLayer& layer, const RecipeEntry& entry) {
  return layer.file + ":" + std::to_string(entry.line);
}

// The entry `base` of a recipe.
std::optional<RecipeEntry> find_base(const RecipeLayer& layer) {
  for (RecipeEntry& entry : read_recipe(layer.file, layer.text)) {
    if (entry.path != kBaseKey) continue;
    const bool text = entry.kind == EntryKind::plain || entry.kind == EntryKind::quoted;
    if (!text || entry.text.empty()) {
      throw Error(Code::invalid_argument,
                  where(layer, entry) + ": base is not the name of a recipe",
                  "write `base: olmo2-tiny`, or the path of a recipe's file or folder");
    }
    return std::move(entry);
  }
  return std::nullopt;
}

[[noreturn]] void fail_missing(const std::string& place, const std::string& name) {
  std::vector<std::string> names;
  for (const BuiltinRecipe& recipe : builtin_recipes()) names.emplace_back(recipe.name);
  const auto nearest = find_nearest(name, names);
  throw Error(Code::invalid_argument, place + ": there is no recipe or file '" + name + "'",
              nearest ? "did you mean " + *nearest + "?"
                      : "a base is a built-in recipe, or a path from the folder of its recipe");
}

// chain: from the recipe down to the one that names this base.
void check_chain(const std::vector<FoundRecipe>& chain, const FoundRecipe& base,
                 const std::string& place) {
  const auto seen = std::find_if(chain.begin(), chain.end(),
                                 [&](const FoundRecipe& each) { return each.id == base.id; });
  if (seen != chain.end()) {
    std::string path;
    for (auto each = seen; each != chain.end(); ++each) path += each->recipe.file + " -> ";
    throw Error(Code::invalid_argument,
                place + ": bases lead back to where they began: " + path + base.recipe.file,
                "one of them must stand alone");
  }
  if (chain.size() > kMaxRecipeBases) {
    throw Error(Code::invalid_argument,
                place + ": more than " + std::to_string(kMaxRecipeBases) +
                    " recipes are laid under " + chain.front().recipe.file,
                "name a recipe that is nearer to the lowest one");
  }
}

}  // namespace

FoundRecipe found_builtin(const BuiltinRecipe& recipe) {
  const std::string name(recipe.name);
  FoundRecipe found;
  found.id = name;
  found.recipe = {name + "/recipe.yaml", std::string(recipe.yaml)};
  if (!recipe.smoke.empty()) {
    found.smoke = RecipeLayer{name + "/smoke.yaml", std::string(recipe.smoke)};
  }
  return found;
}

std::optional<FoundRecipe> find_builtin_base(const std::string& name,
                                             const std::string& /*folder*/) {
  const BuiltinRecipe* recipe = find_builtin_recipe(name);
  return recipe == nullptr ? std::nullopt : std::optional(found_builtin(*recipe));
}

std::vector<RecipeLayer> recipe_layers(const FoundRecipe& recipe, bool smoke,
                                       const RecipeFinder& find) {
  std::vector<FoundRecipe> chain = {recipe};
  chain.front().recipe.kind = LayerKind::recipe;
  while (const auto entry = find_base(chain.back().recipe)) {
    const std::string place = where(chain.back().recipe, *entry);
    auto base = find(entry->text, chain.back().folder);
    if (!base) fail_missing(place, entry->text);
    check_chain(chain, *base, place);
    base->recipe.kind = LayerKind::base;
    chain.push_back(*std::move(base));
  }
  std::vector<RecipeLayer> layers;
  for (auto each = chain.rbegin(); each != chain.rend(); ++each) layers.push_back(each->recipe);
  if (!smoke) return layers;
  const auto small = std::find_if(chain.begin(), chain.end(),
                                  [](const FoundRecipe& each) { return each.smoke.has_value(); });
  if (small == chain.end()) {
    throw Error(Code::invalid_argument, "recipe " + recipe.recipe.file + " has no smoke size",
                "--smoke lays the file smoke.yaml beside the recipe, or beside its base, over it");
  }
  layers.push_back(*small->smoke);
  return layers;
}

}  // namespace repro::manifests
