// The released configurations, as fixtures: what comes out of each is what docs and built-in
// recipes say, and differs from another as their sources do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "imports/olmo_config.h"
#include "manifests/model_shape.h"
#include "manifests/recipe.h"
#include "tests/support/fixtures.h"
#include "verify/compare.h"

namespace repro::imports {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

manifests::Config builtin(std::string_view name) {
  const manifests::BuiltinRecipe* recipe = manifests::find_builtin_recipe(name);
  EXPECT_NE(recipe, nullptr) << name;
  const manifests::RecipeLayer layer{std::string(name), std::string(recipe->yaml)};
  return manifests::resolve_recipe(std::span(&layer, 1), {});
}

// "section name: a -> b" of each difference.
std::vector<std::string> differences(const manifests::Config& a, const manifests::Config& b) {
  std::vector<std::string> list;
  for (const auto& difference : verify::compare_configs(a, b).differences) {
    list.push_back(difference.section + " " + difference.name + ": " + difference.a + " -> " +
                   difference.b);
  }
  return list;
}

// Names of deciding keys that differ.
std::set<std::string> deciding(const manifests::Config& a, const manifests::Config& b) {
  std::set<std::string> names;
  for (const auto& difference : verify::compare_configs(a, b).differences) {
    if (difference.section == "deciding") names.insert(difference.name);
  }
  return names;
}

TEST(OlmoFiles, SevenBillionStageOneIsTheBuiltinRecipe) {
  REPRO_FIXTURE(text, "olmo2/OLMo2-7B-stage1.yaml");
  const OlmoImport result = import_olmo_config("OLMo2-7B-stage1.yaml", text, {});
  EXPECT_EQ(manifests::parameter_count(result.config.model), 7298617344);
  EXPECT_THAT(deciding(result.config, builtin("olmo2-7b")), testing::IsEmpty());
  const auto& paths = result.config.notes.at("data.paths");
  EXPECT_EQ(paths.size(), 1122U);
  EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()).size(), 1117U);
  EXPECT_EQ(result.config.notes.at("evaluators").size(), 27U);
  EXPECT_EQ(result.config.notes.at("device_eval_batch_size").front(), "2");
  EXPECT_THAT(result.config.not_computed, testing::IsEmpty());
  EXPECT_EQ(result.config.schedule.name, "olmo_cosine");
  EXPECT_EQ(result.config.schedule.warmup_tokens, 8388608000);
  EXPECT_EQ(result.config.schedule.total_tokens, 5000000000000);
  EXPECT_EQ(result.config.data.repetition_max_period, 13);
  EXPECT_EQ(result.config.data.repetition_min_period, 1);
  EXPECT_EQ(result.config.data.repetition_max_count, 32);
  EXPECT_EQ(result.config.loss.denominator, "positions");
}

// Evaluators whose tasks are at hand; the others stay notes.
TEST(OlmoFiles, EvaluatorsBecomeTasksByTheirLabels) {
  REPRO_FIXTURE(text, "olmo2/OLMo2-7B-stage1.yaml");
  OlmoOptions options;
  options.find_task = [](const std::string& label) {
    return label == "piqa" || label == "arc_easy" ? "tasks/" + label + ".jsonl" : "";
  };
  const OlmoImport some = import_olmo_config("OLMo2-7B-stage1.yaml", text, options);
  EXPECT_EQ(some.config.eval.tasks, "tasks/piqa.jsonl tasks/arc_easy.jsonl");
  EXPECT_EQ(some.config.eval.every, 1000);
  EXPECT_EQ(some.config.data.tokenizer, "bpe");
  EXPECT_EQ(some.config.notes.count("eval_interval"), 0U);
  EXPECT_EQ(some.config.notes.count("evaluators"), 1U);
  EXPECT_THAT(some.recipe, testing::HasSubstr("no file for hellaswag winogrande"));
  options.find_task = [](const std::string& label) { return label + ".jsonl"; };
  const OlmoImport all = import_olmo_config("OLMo2-7B-stage1.yaml", text, options);
  EXPECT_EQ(all.config.notes.count("evaluators"), 0U);
  options.find_task = [](const std::string&) { return ""; };
  const OlmoImport none = import_olmo_config("OLMo2-7B-stage1.yaml", text, options);
  EXPECT_EQ(none.config.eval.every, 0);
  EXPECT_EQ(none.config.data.tokenizer, "ids");
}

TEST(OlmoFiles, OneBillionStageOneIsTheBuiltinRecipe) {
  REPRO_FIXTURE(text, "olmo2/OLMo2-1B-stage1.yaml");
  const OlmoImport result = import_olmo_config("OLMo2-1B-stage1.yaml", text, {});
  EXPECT_EQ(manifests::parameter_count(result.config.model), 1484916736);
  EXPECT_THAT(deciding(result.config, builtin("olmo2-1b")), testing::IsEmpty());
  EXPECT_EQ(result.config.notes.at("wandb.name").front(), "OLMo2-1B-stage1");
}

TEST(OlmoFiles, StagesOfTheSevenBillionDifferAsTheirFilesDo) {
  REPRO_FIXTURE(first, "olmo2/OLMo2-7B-stage1.yaml");
  REPRO_FIXTURE(second, "olmo2/OLMo2-7B-stage2-seed42.yaml");
  const OlmoImport one = import_olmo_config("OLMo2-7B-stage1.yaml", first, {});
  const OlmoImport two = import_olmo_config("OLMo2-7B-stage2-seed42.yaml", second, {});
  std::vector<std::string> list = differences(one.config, two.config);
  for (std::string& text : list) {
    if (text.starts_with("note data.paths")) text = "note data.paths";
  }
  EXPECT_THAT(
      list,
      UnorderedElementsAre(
          "label name: OLMo2-7B-stage1 -> OLMo2-7B-stage2-seed42",
          "deciding train.seed: 6198 -> 42",
          "deciding optimizer.learning_rate: 3e-04 -> 6.1499e-05",
          "deciding schedule.name: olmo_cosine -> linear",
          "deciding schedule.warmup_tokens: 8388608000 -> 0",
          "deciding schedule.total_tokens: 5000000000000 -> 0",
          "deciding schedule.final_fraction: 0.1 -> 0", "deciding train.steps: 1192093 -> 11921",
          "not computed load_path:  -> "
          "https://olmo-checkpoints.org/ai2-llm/peteish7/step928646-unsharded",
          "not computed restore_dataloader:  -> false", "note no_pre_train_checkpoint:  -> true",
          "note max_duration: 1ep -> 50e9T", "note stop_at:  -> 11931", "note data.paths"));
}

TEST(OlmoFiles, OneAndSevenBillionDifferAsTheirFilesDo) {
  REPRO_FIXTURE(seven, "olmo2/OLMo2-7B-stage1.yaml");
  REPRO_FIXTURE(one, "olmo2/OLMo2-1B-stage1.yaml");
  const auto list = differences(import_olmo_config("7B.yaml", seven, {}).config,
                                import_olmo_config("1B.yaml", one, {}).config);
  EXPECT_THAT(
      list,
      UnorderedElementsAre(
          "label name: OLMo2-7B-stage1 -> OLMo2-1B-stage1", "note wandb.name:  -> OLMo2-1B-stage1",
          "note wandb.group:  -> OLMo2-1B-stage1", "note wandb.project:  -> olmo-small",
          "deciding model.hidden_size: 4096 -> 2048", "deciding model.num_heads: 32 -> 16",
          "deciding model.num_kv_heads: 32 -> 16", "deciding model.num_layers: 32 -> 16",
          "deciding model.intermediate_size: 11008 -> 8192",
          "deciding optimizer.learning_rate: 3e-04 -> 4e-04",
          testing::StartsWith("note save_folder:  -> "),
          "note save_interval_ephemeral: 250 -> 1000", "note max_duration: 1ep -> 4e12T",
          "deciding train.batch_size: 1024 -> 512",
          // the same tokens, of smaller batches
          "deciding train.steps: 1192093 -> 2384186", "running run.micro_batch: 2 -> 4",
          "note device_eval_batch_size: 2 -> 4",
          "note fsdp.wrapping_strategy: by_block_and_size -> null",
          "note fsdp.sharding_strategy:  -> SHARD_GRAD_OP", "note gen1_gc_interval: 1 -> 10"));
}

// The 13B file was not to be had; it differs from the 7B one in these keys alone.
TEST(OlmoFiles, ThirteenBillionIsTheBuiltinRecipeAsItWasLaunched) {
  REPRO_FIXTURE(text, "olmo2/OLMo2-7B-stage1.yaml");
  OlmoOptions options;
  options.launch = "13b-augusta";
  options.changes = {
      "run_name=OLMo-13B", "model.d_model=5120",          "model.n_heads=40",
      "model.n_layers=40", "model.mlp_hidden_size=27648", "global_train_batch_size=2048"};
  const OlmoImport result = import_olmo_config("OLMo2-13B-stage1.yaml", text, options);
  EXPECT_EQ(manifests::parameter_count(result.config.model), 13716198400);
  EXPECT_THAT(deciding(result.config, builtin("olmo2-13b")), testing::IsEmpty());
  options.launch = "";
  EXPECT_THAT(deciding(import_olmo_config("13B.yaml", text, options).config, builtin("olmo2-13b")),
              ElementsAre("optimizer.learning_rate"));
}

TEST(OlmoFiles, RecipesResolveToTheConfigurationTheyWereMadeOf) {
  for (const char* name :
       {"OLMo2-7B-stage1.yaml", "OLMo2-1B-stage1.yaml", "OLMo2-7B-stage2-seed42.yaml"}) {
    REPRO_FIXTURE(text, "olmo2/" + std::string(name));
    const OlmoImport result = import_olmo_config(name, text, {});
    EXPECT_EQ(import_olmo_config(name, text, {}).recipe, result.recipe);
    EXPECT_EQ(manifests::parse_config(manifests::encode_config(result.config), name),
              result.config);
    const manifests::RecipeLayer layer{name, manifests::config_to_yaml(result.config)};
    EXPECT_EQ(manifests::resolve_recipe(std::span(&layer, 1), {}), result.config);
  }
}

}  // namespace
}  // namespace repro::imports
