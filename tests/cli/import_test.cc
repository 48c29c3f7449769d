// `repro import olmo-config`: what it writes, prints and refuses. Rules of the import itself:
// tests/imports.
#include <gmock/gmock.h>

#include <filesystem>

#include "artifacts/base/digest.h"
#include "tests/cli/cli_fixture.h"
#include "tests/support/fixtures.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;

constexpr const char* kOlmo = R"(run_name: small
model: {d_model: 64, n_heads: 4, n_layers: 2, mlp_hidden_size: 96, weight_tying: false,
  rope: true, attention_dropout: 0, residual_dropout: 0, embedding_dropout: 0, include_bias: false,
  layer_norm_type: rms, attention_layer_norm: true, norm_after: true, max_sequence_length: 32,
  vocab_size: 128, embedding_size: 128, init_cutoff_factor: 3}
optimizer: {name: adamw}
scheduler: {t_warmup: 0, t_max: 200}
epoch: 1
compile: null
data: {drop_last: true}
)";

class Import : public CliTest {
 protected:
  Import() { path_ = folder_.write("in/olmo.yaml", kOlmo); }
  bool exists(const std::string& name) { return std::filesystem::exists(folder_ / name); }

  std::string path_;
};

TEST_F(Import, WritesARecipeThatCanBePlannedAndIsNotTrained) {
  const Outcome outcome = must({"import", "olmo-config", path_});
  EXPECT_THAT(outcome.out, HasSubstr("model.d_model"));
  EXPECT_THAT(outcome.out, HasSubstr("model.hidden_size: 64"));
  EXPECT_THAT(outcome.out, HasSubstr("how kernels are made"));
  EXPECT_THAT(outcome.out, HasSubstr("kept as a note, not computed yet: epoch"));
  EXPECT_THAT(outcome.out, HasSubstr("olmo.recipe.yaml: "));
  const Json plan = must({"plan", "olmo.recipe.yaml", "--json"}).json_of("plan");
  EXPECT_EQ(plan.at("steps"), 200);
  EXPECT_THAT(plan.at("not_computed"), testing::Contains("epoch"));
  EXPECT_THAT(must({"plan", "olmo.recipe.yaml"}).out, HasSubstr("epoch is not computed"));
  make_store();
  const Outcome training = run({"train", "olmo.recipe.yaml", "--data", "letters"});
  EXPECT_EQ(training.code, 5);
  EXPECT_THAT(training.error, HasSubstr("kept as a note, not computed yet: epoch"));
  EXPECT_TRUE(must({"runs", "--json"}).json().empty());
}

// By the evaluator's label: a file of its own, or OLMo's requests.
TEST_F(Import, EvaluatorsFindTheirTasks) {
  const std::string with =
      std::string(kOlmo) +
      "evaluators:\n  - {label: piqa, type: downstream}\n"
      "  - {label: arc_easy_rc_5shot, type: downstream}\n"
      "  - {label: _x, type: downstream}\n  - {label: ../up, type: downstream}\n";
  const std::string path = folder_.write("in/with.yaml", with);
  const std::string line = R"({"context":"a","choices":["b","c"],"answer":0})";
  folder_.write("tasks/piqa.jsonl", line);
  folder_.write("tasks/arc_easy/rc_5shot/requests.jsonl", line);
  folder_.write("up.jsonl", line);
  must({"import", "olmo-config", path, "--tasks", "tasks", "-o", "with.yaml"});
  const std::string recipe = support::read_text(folder_ / "with.yaml");
  EXPECT_THAT(recipe,
              HasSubstr("tasks: \"tasks/piqa.jsonl tasks/arc_easy/rc_5shot/requests.jsonl\""));
  EXPECT_THAT(recipe, HasSubstr("every: 1000"));
  EXPECT_THAT(recipe, HasSubstr("no file for _x ../up"));
  const Outcome missing = run({"import", "olmo-config", path, "--tasks", "none", "-o", "no.yaml"});
  EXPECT_EQ(missing.code, 3);
  EXPECT_FALSE(exists("no.yaml"));
  folder_.write("my tasks/piqa.jsonl", line);
  const Outcome spaced =
      run({"import", "olmo-config", path, "--tasks", "my tasks", "-o", "no.yaml"});
  EXPECT_EQ(spaced.code, 2);
  EXPECT_THAT(spaced.error, HasSubstr("has a space in its path"));
  EXPECT_FALSE(exists("no.yaml"));
}

TEST_F(Import, WithoutWhatIsNotComputedItTrains) {
  must({"import", "olmo-config", path_});
  std::string text = support::read_text(folder_ / "olmo.recipe.yaml");
  text.resize(text.find("not_computed:"));
  folder_.write("mine.yaml", text);
  make_store();
  must({"train", "mine.yaml", "--data", "letters", "--set", "data.tokenizer=byte", "--set",
        "model.vocab_size=320", "--until", "2"});
  const Json config = must({"config", "mine.yaml", "--json"}).json_of("config").at("config");
  EXPECT_EQ(config.at("notes").at("compile").at(0), "null");
  EXPECT_FALSE(config.contains("not_computed"));
}

TEST_F(Import, SaysEveryKeyAsJson) {
  const Outcome outcome = must({"import", "olmo-config", path_, "--name", "other", "--json"});
  const Json done = outcome.json_of("import");
  EXPECT_EQ(done.at("recipe"), "other");
  EXPECT_EQ(done.at("path"), "olmo.recipe.yaml");
  EXPECT_EQ(done.at("digest"), sha256(support::read_text(folder_ / "olmo.recipe.yaml")).hex());
  EXPECT_EQ(done.at("noted"), 2);  // compile, and the run_name that --name replaced
  EXPECT_EQ(done.at("mapped").get<std::size_t>() + 2 + done.at("not_computed").get<std::size_t>(),
            outcome.json().size() - 1);
}

TEST_F(Import, NothingIsOverwrittenUnasked) {
  folder_.write("olmo.recipe.yaml", "precious");
  const Outcome refused = run({"import", "olmo-config", path_});
  EXPECT_EQ(refused.code, 6);
  EXPECT_THAT(refused.error, HasSubstr("olmo.recipe.yaml exists"));
  EXPECT_EQ(support::read_text(folder_ / "olmo.recipe.yaml"), "precious");
  must({"import", "olmo-config", path_, "--force"});
  const std::string first = support::read_text(folder_ / "olmo.recipe.yaml");
  EXPECT_THAT(first, HasSubstr("hidden_size: 64"));
  must({"-C", "in", "import", "olmo-config", "olmo.yaml", "-o", "again.yaml"});
  EXPECT_EQ(support::read_text(folder_ / "in/again.yaml"), first);
  EXPECT_EQ(run({"import", "olmo-config", path_, "-o", path_, "--force"}).code, 6);
  EXPECT_EQ(run({"import", "olmo-config", path_, "-o", "in", "--force"}).code, 6);
  EXPECT_EQ(support::read_text(path_), kOlmo);
}

TEST_F(Import, BadInputLeavesNothingBehind) {
  const std::pair<const char*, int> cases[] = {
      {"model: {hiden: 1}", 2}, {"- a", 2}, {"a: &x [1]\nb: *x", 2},    {"seed: 1\nseed: 2", 2},
      {"seed: [", 2},           {"", 2},    {"model: {alibi: true}", 5}};
  for (const auto& [text, code] : cases) {
    const std::string bad = folder_.write("bad.yaml", text);
    const Outcome outcome = run({"import", "olmo-config", bad});
    EXPECT_EQ(outcome.code, code) << text << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr("bad.yaml"));
    EXPECT_FALSE(exists("bad.recipe.yaml"));
  }
  EXPECT_EQ(run({"import", "olmo-config", "nowhere.yaml"}).code, 3);
  EXPECT_EQ(run({"import", "olmo-config", path_, "-o", "no/such/folder/x.yaml"}).code, 3);
  EXPECT_EQ(run({"import", "olmo-config", path_, "--launch", "x"}).code, 2);
  EXPECT_EQ(run({"import", "olmo-config", path_, "--instances", "0"}).code, 2);
  EXPECT_EQ(run({"import"}).code, 2);
  EXPECT_FALSE(exists("olmo.recipe.yaml"));
}

// Published sizes of OLMo 2.
TEST_F(Import, PlansOfTheBuiltinModelsCountTheirParameters) {
  const std::pair<const char*, std::int64_t> sizes[] = {{"olmo2-1b", 1484916736},
                                                        {"olmo2-7b", 7298617344},
                                                        {"olmo2-13b", 13716198400},
                                                        {"olmo2-32b", 32234279936}};
  for (const auto& [name, count] : sizes) {
    EXPECT_EQ(must({"plan", name, "--json"}).json_of("plan").at("parameters"), count);
    EXPECT_THAT(run({"train", name, "--smoke"}).error, HasSubstr("has no smoke size"));
  }
  EXPECT_THAT(must({"plan", "olmo2-7b"}).out, HasSubstr("parameters  7,298,617,344\n"));
  EXPECT_THAT(must({"plan", "olmo2-7b"}).out, HasSubstr("tokens      4,194,304 a step"));
}

TEST_F(Import, DiffTellsTheStagesOfTheReleasedRunApart) {
  REPRO_FIXTURE(one, "olmo2/OLMo2-7B-stage1.yaml");
  REPRO_FIXTURE(two, "olmo2/OLMo2-7B-stage2-seed42.yaml");
  must({"import", "olmo-config", folder_.write("one.yaml", one)});
  must({"import", "olmo-config", folder_.write("two.yaml", two)});
  const Outcome outcome = run({"diff", "one.recipe.yaml", "two.recipe.yaml", "--json"});
  EXPECT_EQ(outcome.code, 1);
  std::vector<std::string> names;
  for (const Json& line : outcome.json()) {
    if (line.at("type") == "difference") names.push_back(line.at("name"));
  }
  EXPECT_THAT(names,
              testing::UnorderedElementsAre(
                  "name", "train.seed", "optimizer.learning_rate", "schedule.name",
                  "schedule.warmup_tokens", "schedule.total_tokens", "schedule.final_fraction",
                  "train.steps", "load_path", "restore_dataloader", "no_pre_train_checkpoint",
                  "max_duration", "stop_at", "data.paths"));
  EXPECT_EQ(run({"diff", "one.recipe.yaml", "one.recipe.yaml"}).code, 0);
}

}  // namespace
}  // namespace repro::cli_test
