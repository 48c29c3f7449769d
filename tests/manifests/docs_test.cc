// The documents say what the code does: worked bytes of docs/formats.md, key table of
// docs/recipes.md. REPRO_UPDATE_DOCS=1 rewrites the blocks.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/digest.h"
#include "artifacts/base/merkle.h"
#include "manifests/config_keys.h"
#include "manifests/imported_log.h"
#include "manifests/recipe.h"
#include "manifests/record.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

constexpr std::string_view kFormats = "docs/formats.md";
constexpr std::string_view kRecipes = "docs/recipes.md";

// The bytes, and below them their digest.
void expect_example(std::string_view name, const std::string& bytes) {
  const std::string block = bytes + "\nsha256 " + sha256(bytes).hex() + "\n";
  EXPECT_EQ(doc_block(kFormats, name, block), block);
}

TEST(Documents, FormatsShowTheBytesOfEveryManifest) {
  expect_example("config", encode_config(sample_config()));
  expect_example("dataset", encode_dataset(sample_dataset()));
  expect_example("dataset content", dataset_content(sample_dataset()).dump());
  expect_example("dataset content, bpe", dataset_content(sample_bpe_dataset()).dump());
  const Json mixture = Json::parse(encode_dataset(sample_mixture()));
  expect_example("dataset notes, mixture", mixture.at("notes").dump());
  expect_example("state", encode_state(sample_state()));
  expect_example("model", encode_model(sample_model()));
  expect_example("derivation", encode_derivation(sample_run().segments[0].content));
  expect_example("evaluation", encode_evaluation(sample_evaluation()));
  expect_example("run", encode_run(sample_run()));
  expect_example("records", encode_records({Curve{"loss", {{"base", {1, 2}, {2.5, 1.25}}}},
                                            Histogram{"norms", {0.5, 1, 2}, {3, 1}},
                                            Graph{"Descent", {{"base", "branch", "step 2"}}},
                                            Table{"Runs", {"run", "steps"}, {{"base", "2"}}}}));
  expect_example("imported log", encode_imported_log(sample_imported_log()));
}

TEST(Documents, FormatsShowTheRootsOfSmallTensors) {
  const std::string three =
      std::string(kMerkleChunkBytes, 'a') + std::string(kMerkleChunkBytes, 'b') + "c";
  std::string block;
  block += "empty             " + tensor_root({}).hex() + "\n";
  block += "abc               " + tensor_root(as_bytes("abc")).hex() + "\n";
  block +=
      "65536 a           " + tensor_root(as_bytes(three).first(kMerkleChunkBytes)).hex() + "\n";
  block +=
      "65536 a, 65536 b  " + tensor_root(as_bytes(three).first(2 * kMerkleChunkBytes)).hex() + "\n";
  block += "65536 a, 65536 b, c " + tensor_root(as_bytes(three)).hex() + "\n";
  EXPECT_EQ(doc_block(kFormats, "tensor roots", block), block);
}

std::string default_text(const ConfigKey& key) {
  if (key.required) return "required";
  return key.default_value.empty() ? "-" : key.default_value;
}

TEST(Documents, RecipesListEveryKey) {
  const char* const types[] = {"text", "integer", "decimal", "boolean", "ranges"};
  const char* const classes[] = {"label", "deciding", "running"};
  std::string table;
  for (const ConfigKey& key : config_keys()) {
    std::string cells[] = {key.path, types[static_cast<int>(key.type)],
                           classes[static_cast<int>(key.key_class)], default_text(key),
                           key.allowed};
    const std::size_t widths[] = {28, 9, 10, 10, 44};
    for (int i = 0; i < 5; ++i) {
      if (cells[i].size() < widths[i]) cells[i].resize(widths[i], ' ');
      table += cells[i] + " ";
    }
    table += key.help + "\n";
  }
  EXPECT_EQ(doc_block(kRecipes, "keys", table), table);
}

TEST(Documents, TheExampleRecipeResolves) {
  const std::string yaml = sample_yaml();
  EXPECT_EQ(doc_block(kRecipes, "example", yaml), yaml);
  const RecipeLayer layer{"example.yaml", yaml};
  EXPECT_EQ(resolve_recipe(std::span(&layer, 1), {}), sample_config());
}

TEST(Documents, RecipesListEveryOperator) {
  std::string names;
  for (const auto& [name, version] : operator_versions()) {
    names += (names.empty() ? "" : " ") + name + "/" + version;
  }
  names += "\n";
  EXPECT_EQ(doc_block(kRecipes, "operators", names), names);
}

}  // namespace
}  // namespace repro::manifests
