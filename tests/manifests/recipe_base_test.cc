#include "manifests/recipe_base.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "manifests/config_keys.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::HasSubstr;

// Recipes that lie in no folder; each may have a smoke size.
using Shelf = std::map<std::string, std::pair<std::string, std::string>>;

FoundRecipe take(const Shelf& shelf, const std::string& name) {
  FoundRecipe found;
  found.id = name;
  found.folder = "shelf";
  found.recipe = {name + ".yaml", shelf.at(name).first};
  const std::string& smoke = shelf.at(name).second;
  if (!smoke.empty()) found.smoke = RecipeLayer{name + "-smoke.yaml", smoke};
  return found;
}

Config resolve(const Shelf& shelf, const std::string& name, bool smoke = false) {
  const auto find = [&](const std::string& base,
                        const std::string& folder) -> std::optional<FoundRecipe> {
    EXPECT_EQ(folder, "shelf");
    if (!shelf.contains(base)) return std::nullopt;
    return take(shelf, base);
  };
  return resolve_recipe(recipe_layers(take(shelf, name), smoke, find), {});
}

std::string failure(const Shelf& shelf, const std::string& name, bool smoke = false) {
  const Failure found = failure_of([&] { resolve(shelf, name, smoke); });
  EXPECT_EQ(found.code, "invalid_argument");
  return found.message;
}

TEST(RecipeBase, SaysWhatTheRecipeDoesNot) {
  const Shelf shelf = {{"low", {sample_yaml(), "train: {steps: 8}\n"}},
                       {"middle", {"base: low\ntrain:\n  seed: 11\n  batch_size: 4\n", ""}},
                       {"top", {"name: top\nbase: \"middle\"\ntrain.batch_size: 3\n", ""}}};
  Config expected = sample_config();
  expected.name = "top";
  expected.train.seed = 11;
  expected.train.batch_size = 3;
  EXPECT_EQ(resolve(shelf, "top"), expected);
  // The smoke size of the nearest that has one lies over all.
  expected.train.steps = 8;
  EXPECT_EQ(resolve(shelf, "top", true), expected);
  EXPECT_EQ(resolve(shelf, "middle").name, "");  // a base's name is its own
  // All is explicit: a recipe that says the same without a base is the same configuration.
  const std::string flat = config_to_yaml(resolve(shelf, "top"));
  EXPECT_EQ(encode_config(resolve({{"flat", {flat, ""}}}, "flat")),
            encode_config(resolve(shelf, "top")));
}

TEST(RecipeBase, ThatIsNotThereIsNamed) {
  EXPECT_THAT(failure({{"top", {"name: x\nbase: lwo\n", ""}}}, "top"),
              HasSubstr("top.yaml:2: there is no recipe or file 'lwo'"));
  EXPECT_THAT(failure({{"top", {"base: olmo2-tinny\n", ""}}}, "top"),
              HasSubstr("there is no recipe or file 'olmo2-tinny'"));
}

TEST(RecipeBase, ThatLeadsBackIsRefused) {
  const Shelf shelf = {{"a", {"base: b\n", ""}},
                       {"b", {"base: c\n", ""}},
                       {"c", {"train: {steps: 3}\nbase: b\n", ""}},
                       {"self", {"base: self\n", ""}}};
  EXPECT_THAT(
      failure(shelf, "a"),
      HasSubstr("c.yaml:2: bases lead back to where they began: b.yaml -> c.yaml -> b.yaml"));
  EXPECT_THAT(failure(shelf, "self"), HasSubstr("self.yaml -> self.yaml"));
}

TEST(RecipeBase, MayNotBeTooDeep) {
  Shelf shelf = {{"0", {sample_yaml(), ""}}};
  for (int i = 1; i <= 9; ++i) {
    shelf[std::to_string(i)] = {"base: \"" + std::to_string(i - 1) + "\"\n", ""};
  }
  EXPECT_EQ(resolve(shelf, "8").train, sample_config().train);
  EXPECT_THAT(failure(shelf, "9"), HasSubstr("more than 8 recipes are laid under 9.yaml"));
}

TEST(RecipeBase, IsTheNameOfARecipe) {
  for (const char* text : {"base: [a, b]\n", "base: []\n", "base: {a: 1}\n", "base: \"\"\n"}) {
    EXPECT_THAT(failure({{"top", {text, ""}}}, "top"),
                HasSubstr("top.yaml:1: base is not the name of a recipe"));
  }
}

TEST(RecipeBase, StandsInARecipeAlone) {
  const Shelf shelf = {{"low", {sample_yaml(), ""}}, {"top", {"base: low\n", "base: low\n"}}};
  EXPECT_THAT(failure(shelf, "top", true), HasSubstr("top-smoke.yaml:1: unknown key base"));
  const RecipeLayer layer{"alone.yaml", "base: low\n" + sample_yaml()};
  EXPECT_THAT(failure_of([&] { resolve_recipe(std::span(&layer, 1), {}); }).message,
              HasSubstr("alone.yaml:1: unknown key base"));
}

TEST(RecipeBase, WithoutAnySmokeSizeThereIsNone) {
  const Shelf shelf = {{"low", {sample_yaml(), ""}}, {"top", {"base: low\n", ""}}};
  EXPECT_THAT(failure(shelf, "top", true), HasSubstr("recipe top.yaml has no smoke size"));
}

// What each ablation undoes is all that differs.
TEST(RecipeBase, BuiltinAblationsDifferInOneKey) {
  const auto resolved = [](std::string_view name) {
    const FoundRecipe found = found_builtin(*find_builtin_recipe(name));
    return resolve_recipe(recipe_layers(found, false, find_builtin_base), {});
  };
  const std::map<std::string, Override> ablations = {
      {"olmo2-tiny-prenorm", {"model.norm", "pre"}},
      {"olmo2-tiny-no-qk-norm", {"model.qk_norm", "false"}},
      {"olmo2-tiny-old-init", {"model.init", "mitchell"}},
      {"olmo2-tiny-decayed-embeddings", {"optimizer.decay_embeddings", "true"}},
      {"olmo2-tiny-no-z-loss", {"loss.z_loss", "0"}}};
  for (const auto& [name, change] : ablations) {
    Config expected = resolved("olmo2-tiny");
    set_config_value(expected, change.key, change.value, "");
    EXPECT_FALSE(expected == resolved("olmo2-tiny")) << name;
    expected.name = name;
    EXPECT_EQ(resolved(name), expected) << name;
  }
}

TEST(RecipeBase, BuiltinOnesAreLaidOverBuiltinOnes) {
  EXPECT_TRUE(find_builtin_base("olmo2-tiny", "").has_value());
  EXPECT_FALSE(find_builtin_base("../olmo2-tiny/recipe.yaml", "").has_value());
}

}  // namespace
}  // namespace repro::manifests
