#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "manifests/config_keys.h"
#include "manifests/recipe_base.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::HasSubstr;

Config resolve(const std::string& text, std::vector<Override> overrides = {}) {
  const RecipeLayer layer{"olmo2.yaml", text};
  return resolve_recipe(std::span(&layer, 1), overrides);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(Recipe, ResolvesWithDefaults) { EXPECT_EQ(resolve(sample_yaml()), sample_config()); }

TEST(Recipe, KvHeadsBecomeExplicit) {
  const Config config = resolve(replaced(sample_yaml(), "  num_kv_heads: 2\n", ""));
  EXPECT_EQ(config.model.num_kv_heads, 4);
}

TEST(Recipe, YamlOfAConfigResolvesToIt) {
  Config config = sample_config();
  EXPECT_EQ(resolve(config_to_yaml(config)), config);
  config.name = "\"quoted\": # no comment";
  config.data.source = "~";
  config.data.skip_batches.clear();
  EXPECT_EQ(resolve(config_to_yaml(config)), config);
}

TEST(Recipe, NotesAreTextsOrListsOfTexts) {
  const Config config = resolve(sample_yaml() + R"(notes:
  data.paths: [b, a, b]
  "two words": 1e5
  tags: []
not_computed: {epoch: "1", a: {deep: x}}
)");
  EXPECT_EQ(config.notes,
            (Notes{{"data.paths", {"b", "a", "b"}}, {"two words", {"1e5"}}, {"tags", {}}}));
  EXPECT_EQ(config.not_computed, (Notes{{"epoch", {"1"}}, {"a.deep", {"x"}}}));
  EXPECT_EQ(resolve(config_to_yaml(config)), config);
  EXPECT_THAT(config_to_yaml(config), HasSubstr("not_computed:\n  a.deep: \"x\"\n"));
  const RecipeLayer layers[] = {{"recipe.yaml", config_to_yaml(config)},
                                {"smoke.yaml", "notes: {tags: [c]}\n"}};
  EXPECT_EQ(resolve_recipe(layers, {}).notes.at("tags"), std::vector<std::string>{"c"});
}

TEST(Recipe, OnlyKeysWithACommentAreWritten) {
  Config config = sample_config();
  config.notes = {{"x", {"1"}}, {"y", {"2", "3"}}};
  EXPECT_EQ(config_to_yaml(config, {{"model.num_heads", "n"}, {"name", ""}, {"notes.y", "why"}}),
            "name: \"sample\"\nmodel:\n  num_heads: 4  # n\nnotes:\n  x: \"1\"\n  y:  # why\n"
            "    - \"2\"\n    - \"3\"\n");
}

TEST(Recipe, EveryKeyOfItsYamlHasAComment) {
  const std::string yaml = config_to_yaml(sample_config());
  for (const ConfigKey& key : config_keys()) EXPECT_THAT(yaml, HasSubstr("  # " + key.help));
}

TEST(Recipe, LaterLayersAndOverridesWin) {
  const RecipeLayer layers[] = {{"recipe.yaml", sample_yaml()},
                                {"smoke.yaml", "train:\n  steps: 10\n  batch_size: 1\n"}};
  const Override overrides[] = {{"train.batch_size", "3"}};
  const Config config = resolve_recipe(layers, overrides);
  EXPECT_EQ(config.train.steps, 10);
  EXPECT_EQ(config.train.batch_size, 3);
}

TEST(Recipe, OverrideCanGiveARequiredKey) {
  const std::string text = replaced(sample_yaml(), "  hidden_size: 16\n", "");
  EXPECT_EQ(resolve(text, {{"model.hidden_size", "32"}}).model.hidden_size, 32);
}

TEST(Recipe, EmptyLayerChangesNothing) {
  for (const char* text : {"", "# only a comment\n", "---\n", "\n\n"}) {
    const RecipeLayer layers[] = {{"recipe.yaml", sample_yaml()}, {"smoke.yaml", text}};
    EXPECT_EQ(resolve_recipe(layers, {}), sample_config());
  }
}

TEST(Recipe, DecimalsAreReadAsWritten) {
  for (const char* text : {"0.003", "3e-3", "\"3e-3\"", "'.003'", "3E-03", "0.0030"}) {
    const std::string yaml = replaced(sample_yaml(), "\"3e-3\"", text);
    EXPECT_EQ(encode_config(resolve(yaml)), encode_config(sample_config())) << text;
  }
}

TEST(Recipe, RangesCanBeWrittenAsText) {
  EXPECT_EQ(resolve(replaced(sample_yaml(), "[[3, 5], [9, 10]]", "3..5,9..10")), sample_config());
}

TEST(Recipe, WindowsLineEndsAreTaken) {
  std::string text;
  for (const char c : sample_yaml()) text += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(resolve(text), sample_config());
}

struct BadRecipe {
  const char* from;  // replaced in sample_yaml()
  const char* to;
  const char* message;
};

TEST(Recipe, ErrorsNameFileLineAndTheNearestKey) {
  const BadRecipe cases[] = {
      {"hidden_size", "hiden_size",
       "olmo2.yaml:4: unknown key model.hiden_size; did you mean hidden_size?"},
      {"model:", "modle:", "olmo2.yaml:3: unknown key modle; did you mean model?"},
      {"seed: 7", "learning_rate: 7",
       "olmo2.yaml:13: unknown key train.learning_rate; did you mean optimizer.learning_rate?"},
      {"name: sample", "zzzzzzzzzzzz: 1", "olmo2.yaml:2: unknown key zzzzzzzzzzzz"},
      {"hidden_size: 16", "hidden_size: wide", "olmo2.yaml:4: model.hidden_size is \"wide\""},
      {"hidden_size: 16", "hidden_size: 16.5", "olmo2.yaml:4: model.hidden_size is \"16.5\""},
      {"hidden_size: 16", "hidden_size: '16'", "in quotes"},
      {"hidden_size: 16", "hidden_size: true", "expected an integer"},
      {"hidden_size: 16", "hidden_size: [16]", "a list holds pairs"},
      {"hidden_size: 16", "hidden_size: [[1, 2]]", "model.hidden_size is \"a list\""},
      {"hidden_size: 16", "hidden_size: {a: 1}", "model.hidden_size is \"a group of keys\""},
      {"hidden_size: 16", "hidden_size:", "olmo2.yaml:4: key model.hidden_size has no value"},
      {"hidden_size: 16", "hidden_size: ~", "key model.hidden_size has no value"},
      {"hidden_size: 16", "hidden_size: 1", "expected an integer in 2..1048576"},
      {"warmup_steps: 4", "warmup_steps: 41", "olmo2.yaml: schedule.warmup_steps 41 is more than"},
      {"name: sample", "profile: native32", "did you mean native?"},
      {"  hidden_size: 16\n", "", "olmo2.yaml: required key model.hidden_size is missing"},
      {"hidden_size: 16", "hidden_size: 16\n  hidden_size: 16",
       "olmo2.yaml:5: key model.hidden_size stands twice, first in line 4"},
      {"data:", "model:", "key model stands twice, first in line 3"},
      {"name: sample", "model.hidden_size: 8", "stands twice"},
      {"[[3, 5], [9, 10]]", "[3, 5]", "a list holds pairs"},
      {"[[3, 5], [9, 10]]", "[[3, 5, 7]]", "a list holds pairs"},
      {"[[3, 5], [9, 10]]", "[[[3, 5]]]", "a list holds pairs"},
      {"[[3, 5], [9, 10]]", "[[3, ~]]", "empty item"},
      {"[[3, 5], [9, 10]]", "[{a: 1}]", "a list holds pairs"},
      {"[[3, 5], [9, 10]]", "[[5, 3]]", "expected ranges"},
      {"[[3, 5], [9, 10]]", "[[3, 5], 7]", "a list holds pairs"},
      {"[[3, 5], [9, 10]]", "[7, [3, 5]]", "a list holds pairs"},
      {"name: sample", "notes: x", "olmo2.yaml:2: notes is no note"},
      {"name: sample", "notes: {a: [[1, 2]]}", "notes.a is no note"},
      {"name: sample", "notes: {a: ~}", "key notes.a has no value"},
      {"name: sample", "notes: {a: \"\\x1b\"}", "notes.a is not readable text"},
      {"[[3, 5], [9, 10]]", "[[3, 5], [4, 10]]", "expected ranges"},
  };
  for (const BadRecipe& each : cases) {
    const std::string text = replaced(sample_yaml(), each.from, each.to);
    const Failure failure = failure_of([&] { resolve(text); });
    EXPECT_EQ(failure.code, "invalid_argument") << text;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
    EXPECT_FALSE(failure.hint.empty()) << failure.message;
  }
}

TEST(Recipe, OnlyTheSafeSubsetOfYamlIsRead) {
  const BadRecipe cases[] = {
      {"name: sample", "name: &a sample", "olmo2.yaml:2: anchors are not allowed"},
      {"name: sample", "name: *a", "not"},  // alias to nothing: the parser's own words
      {"model:", "model: &m", "olmo2.yaml:3: anchors are not allowed"},
      {"[[3, 5], [9, 10]]", "&r [[3, 5]]", "anchors are not allowed"},
      {"name: sample", "name: !!str sample", "olmo2.yaml:2: tags are not allowed"},
      {"name: sample", "name: !python/object:os.system x", "tags are not allowed"},
      {"model:", "model: !!map", "tags are not allowed"},
      {"# a comment", "---\nname: b\n---", "more than one document"},
      {"name: sample", "? [a, b]\n: 1", "key must be a plain word"},
      {"name: sample", "\"\": 1", "a key is empty"},
      {"name: sample", "name: ]", "not valid YAML"},
      {"name: sample", "name: \"open", "not valid YAML"},
      {"name: sample", "\tname: x", "olmo2.yaml:"},
      {"name: sample", "<<: {a: 1}", "unknown key <<"},
      {"name: sample", "a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}", "nested too deeply"},
      {"name: sample", "name: \"\\x1b[31m\"", "not readable text"},
  };
  for (const BadRecipe& each : cases) {
    const std::string text = replaced(sample_yaml(), each.from, each.to);
    const Failure failure = failure_of([&] { resolve(text); });
    EXPECT_EQ(failure.code, "invalid_argument") << text;
    EXPECT_THAT(failure.message, HasSubstr(each.message));
  }
}

TEST(Recipe, WhatIsNoRecipeAtAllIsRefused) {
  using std::string_literals::operator""s;
  const std::string cases[] = {
      "hello",
      "- a\n- b\n",
      "\x7f"s + "ELF\x02\x01\x00"s,
      "a: \xff\xfe",
      "a\0b"s,
      "[1, 2]",
      std::string(2 << 20, 'a'),
      "\"text\"",
      "{",
      std::string(5000, '['),
      std::string(5000, '{'),
      "*x",
      "%TAG !",
      "%YAML 9.9\n---\na: 1",
      ": :",
      "a: b: c",
  };
  for (const std::string& text : cases) {
    const Failure failure = failure_of([&] { resolve(text); });
    EXPECT_EQ(failure.code, "invalid_argument") << text.substr(0, 40);
    EXPECT_THAT(failure.message, HasSubstr("olmo2.yaml"));
  }
}

TEST(Recipe, EveryRequiredKeyIsAskedFor) {
  for (const ConfigKey& key : config_keys()) {
    if (!key.required) continue;
    std::vector<Override> overrides;
    for (const ConfigKey& other : config_keys()) {
      if (other.required && other.path != key.path) overrides.push_back({other.path, "8"});
    }
    const Failure failure = failure_of([&] { resolve("name: x\n", overrides); });
    EXPECT_THAT(failure.message, HasSubstr("required key " + key.path + " is missing"));
    EXPECT_THAT(failure.message, HasSubstr("olmo2.yaml"));
  }
}

// Too large to be tried. Any other recipe that stands alone has a smoke size, a golden root, and
// tests that train it.
const std::set<std::string_view> kTooLarge = {
    "olmo2-190m", "olmo2-1b",        "olmo2-7b",        "olmo2-13b",
    "olmo2-32b",  "olmo2-1b-stage2", "olmo2-7b-stage2", "olmo2-13b-stage2"};

TEST(Recipe, BuiltinRecipesResolveInBothSizes) {
  EXPECT_EQ(find_builtin_recipe("no-such-recipe"), nullptr);
  std::string_view previous;
  for (const BuiltinRecipe& recipe : builtin_recipes()) {
    EXPECT_LT(previous, recipe.name);
    previous = recipe.name;
    EXPECT_EQ(find_builtin_recipe(recipe.name), &recipe);
    const FoundRecipe found = found_builtin(recipe);
    const auto layers = recipe_layers(found, false, find_builtin_base);
    EXPECT_EQ(resolve_recipe(layers, {}).name, recipe.name);
    if (!kTooLarge.contains(recipe.name)) {
      EXPECT_NO_THROW(resolve_recipe(recipe_layers(found, true, find_builtin_base), {}));
    }
    const std::string folder = "train/recipes/" + std::string(recipe.name);
    EXPECT_EQ(recipe.yaml, read_source(folder + "/recipe.yaml"));
    EXPECT_EQ(recipe.readme, read_source(folder + "/README.md"));
    const bool smoke = !recipe.smoke.empty();  // without it no test trains the recipe
    const bool ablation = layers.size() > 1;   // laid over a recipe that is trained
    EXPECT_EQ(smoke, !kTooLarge.contains(recipe.name) && !ablation) << recipe.name;
    if (smoke) {
      EXPECT_EQ(recipe.smoke, read_source(folder + "/smoke.yaml"));
    }
  }
}

}  // namespace
}  // namespace repro::manifests
