// The commands that look, name and take out.
#include <gmock/gmock.h>

#include <filesystem>

#include "artifacts/base/digest.h"
#include "artifacts/store/store.h"
#include "artifacts/tensor/safetensors.h"
#include "tests/cli/cli_fixture.h"
#include "tests/support/corrupt.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Commands : public CliTest {};

TEST_F(Commands, AddPrintsTheShaOfEachFile) {
  must({"init"});
  folder_.write("d/a", "hello\n");
  folder_.write("d/e/b", "world\n");
  EXPECT_EQ(must({"add", "d"}).out,
            sha256("hello\n").hex() + "  d/a\n" + sha256("world\n").hex() + "  d/e/b\n");
  EXPECT_EQ(must({"cat", sha256("world\n").hex()}).out, "world\n");
}

TEST_F(Commands, AddPassesOverSymlinksAndSaysSo) {
  must({"init"});
  folder_.write("d/a", "x");
  std::filesystem::create_symlink("a", folder_ / "d/link");
  const Outcome outcome = must({"add", "d"});
  EXPECT_THAT(outcome.error, HasSubstr("passed over d/link: symlink"));
  EXPECT_THAT(outcome.error, HasSubstr("1 passed over"));
  EXPECT_EQ(must({"add", "d", "--json"}).json_of("skipped").at("reason"), "symlink");
}

TEST_F(Commands, AddOfNothing) {
  must({"init"});
  EXPECT_EQ(run({"add", "nowhere"}).code, 3);
  EXPECT_EQ(run({"add", "x", "--copy", "--in-place"}).code, 2);
}

TEST_F(Commands, AddInPlaceThenCopyMakesTheStoreIndependent) {
  must({"init"});
  const std::string path = folder_.write("a", std::string(5000, 'x'));
  const std::string digest =
      must({"add", "a", "--in-place", "--json"}).json_of("object").at("digest");
  must({"add", "a"});
  std::filesystem::remove(path);
  EXPECT_EQ(must({"cat", digest}).out, std::string(5000, 'x'));
}

TEST_F(Commands, AddDoesNotSwallowTheStore) {
  must({"init"});
  folder_.write("a", "x");
  EXPECT_THAT(must({"add", "."}).out, Not(HasSubstr(".repro")));
}

TEST_F(Commands, DamagedObjectIsCorruptionAndIsNotPrinted) {
  must({"init"});
  folder_.write("a", "hello\n");
  must({"add", "a"});
  const std::string digest = sha256("hello\n").hex();
  support::flip_bit(folder_ / (".repro/objects/" + digest.substr(0, 2) + "/" + digest.substr(2)),
                    5);
  const Outcome outcome = run({"cat", digest});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.error, HasSubstr(digest));
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST_F(Commands, TagsAreListedMovedAndRemoved) {
  must({"init"});
  folder_.write("a", "one");
  folder_.write("b", "two");
  must({"add", "a", "b"});
  must({"tag", "mine", sha256("one").hex()});
  EXPECT_THAT(must({"tag"}).out, HasSubstr("mine"));
  EXPECT_EQ(must({"cat", "mine"}).out, "one");
  EXPECT_EQ(run({"tag", "mine", sha256("two").hex()}).code, 6);
  must({"tag", "mine", sha256("two").hex(), "--force"});
  EXPECT_EQ(must({"cat", "mine"}).out, "two");
  must({"tag", "--delete", "mine"});
  EXPECT_EQ(run({"cat", "mine"}).code, 3);
  EXPECT_EQ(run({"tag", "--delete", "mine"}).code, 3);
  EXPECT_EQ(run({"tag", "half"}).code, 2);
  EXPECT_EQ(run({"tag", "../evil", sha256("two").hex()}).code, 2);
  EXPECT_EQ(run({"tag", "file", "a/"}).code, 3);
}

TEST_F(Commands, OnlyStoredStatesCanBeTagged) {
  make_store();
  train("one", 6);
  must({"tag", "kept", "one@4"});
  EXPECT_EQ(must({"show", "kept", "--json"}).json_of("state").at("step"), 4);
  EXPECT_EQ(run({"tag", "lost", "one@5"}).code, 3);
}

TEST_F(Commands, RmRemovesNamesAndLeavesTheRest) {
  make_store();
  train("one", 6);
  must({"tag", "kept", "one@4"});
  EXPECT_THAT(must({"rm", "one"}).out, HasSubstr("objects stay"));
  EXPECT_EQ(run({"show", "one"}).code, 3);
  EXPECT_EQ(must({"show", "kept", "--json"}).json_of("state").at("step"), 4);
  must({"rm", "kept", "letters"});
  EXPECT_THAT(must({"status"}).out, HasSubstr("0 runs, 0 models, 0 datasets, 0 tags"));
  EXPECT_EQ(must({"fsck"}).code, 0);
  EXPECT_EQ(run({"rm", "nothing"}).code, 3);
  EXPECT_EQ(run({"rm", "olmo2-tiny"}).code, 2);
}

TEST_F(Commands, LogShowsStepsEvaluationsAndTheChain) {
  make_store();
  train("one", 6);
  const std::string text = must({"log", "one"}).out;
  EXPECT_THAT(text, HasSubstr("STEP"));
  EXPECT_THAT(text, HasSubstr("0.2500"));  // loss of step 4
  EXPECT_THAT(text, HasSubstr("0.5000"));  // held out
  const std::vector<Json> lines = must({"log", "one", "--json"}).json();
  ASSERT_EQ(lines.size(), 8U);  // segment, six steps, one evaluation
  EXPECT_EQ(lines.front().at("type"), "segment");
  EXPECT_EQ(must({"log", "one", "--json", "-n", "2"}).json().size(), 2U);
  EXPECT_EQ(must({"log", "one", "--tail", "--json"}).json(), lines);
}

TEST_F(Commands, SpikesOfARunAreInItsLogItsRecordAndADiff) {
  make_store();
  train("one", 70);
  EXPECT_THAT(must({"log", "one", "-n", "1"}).out,
              HasSubstr("spikes of the loss: none of 20 steps; of the gradient norm: none of 20"));
  EXPECT_THAT(must({"show", "one"}).out,
              HasSubstr("spikes     loss: none of 20 steps; gradient norm: none of 20 steps"));
  for (int again = 0; again < 2; ++again) {  // made, then remembered
    const Json spikes = must({"show", "one", "--json"}).json_of("run").at("log").at("spikes");
    EXPECT_EQ(spikes.at("loss"), (Json{{"judged", 20}, {"share", "0"}, {"spikes", 0}}));
    EXPECT_EQ(spikes.at("grad_norm").at("judged"), 20);
  }
  train("two", 6, {"--set", "train.seed=9"});
  EXPECT_THAT(must({"log", "two"}).out, HasSubstr("spikes of the loss: too few steps"));
  const Outcome text = run({"diff", "one", "two"});
  EXPECT_THAT(text.out, HasSubstr("spikes of the loss           none of 20 steps; too few steps"));
  const Json diff = run({"diff", "one", "two", "--json"}).json_of("diff");
  EXPECT_EQ(diff.at("spikes").at("a").at("loss").at("judged"), 20);
  EXPECT_EQ(diff.at("spikes").at("b").at("loss").at("judged"), 0);
  EXPECT_TRUE(run({"diff", "one", "one", "--json"}).json_of("diff").at("spikes").is_null());
}

TEST_F(Commands, LogOfADamagedRunIsCorruption) {
  make_store();
  train("one", 6);
  const Json run_json = must({"show", "one", "--json"}).json_of("run");
  const Json manifest = must({"cat", run_json.at("manifest").get<std::string>()}).json().front();
  const std::string piece = manifest.at("log").at("pieces").at(0).at("digest");
  support::flip_bit(folder_ / (".repro/objects/" + piece.substr(0, 2) + "/" + piece.substr(2)), 99);
  const Outcome outcome = run({"log", "one"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.error, HasSubstr(piece));
}

TEST_F(Commands, CheckoutAsHuggingFaceFolder) {
  make_store();
  train("one", 6);
  must({"checkout", "one@4", "-o", "out"});
  const Json config = parse_json(support::read_text(folder_ / "out/config.json"), "config.json");
  EXPECT_EQ(config.at("architectures").at(0), "Olmo2ForCausalLM");
  EXPECT_EQ(config.at("model_type"), "olmo2");
  const Json recipe =
      must({"config", "olmo2-tiny", "--smoke", "--json"}).json_of("config").at("config");
  EXPECT_EQ(config.at("hidden_size"), recipe.at("model").at("hidden_size"));
  EXPECT_EQ(config.at("num_key_value_heads"), recipe.at("model").at("num_heads"));
  EXPECT_EQ(config.at("max_position_embeddings"), recipe.at("data").at("sequence_length"));
  EXPECT_EQ(config.at("eos_token_id"), 256);
  EXPECT_TRUE(config.at("bos_token_id").is_null());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/generation_config.json"));
  const std::string bytes = support::read_text(folder_ / "out/model.safetensors");
  const auto file = artifacts::parse_safetensors(as_bytes(bytes), "model.safetensors");
  ASSERT_EQ(file.tensors.size(), 1U);  // the weights alone
  EXPECT_EQ(file.tensors[0].name, "model.norm.weight");
  EXPECT_EQ(must({"show", "out", "--json"}).json_of("state").at("step"), 4);
}

TEST_F(Commands, ARecipeMayBeLaidOverAnother) {
  folder_.write("deep/low/recipe.yaml", "name: low\nbase: olmo2-tiny\ntrain:\n  seed: 77\n");
  folder_.write("deep/top.yaml", "base: low\nmodel:\n  norm: pre\n");
  folder_.write("deep/wrong.yaml", "base: low/nothing.yaml\n");
  folder_.write("deep/round.yaml", "base: ../deep/round.yaml\n");
  const Json config = must({"config", "deep/top.yaml", "--json"}).json_of("config").at("config");
  EXPECT_EQ(config.at("train").at("seed"), 77);
  EXPECT_EQ(config.at("model").at("norm"), "pre");
  EXPECT_EQ(config.at("model").at("hidden_size"), 128);
  EXPECT_FALSE(config.contains("base"));
  const Json small =
      must({"config", "deep/top.yaml", "--smoke", "--json"}).json_of("config").at("config");
  EXPECT_EQ(small.at("model").at("hidden_size"), 32);
  EXPECT_EQ(small.at("train").at("seed"), 77);
  const Outcome wrong = run({"config", "deep/wrong.yaml"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.error, HasSubstr("deep/wrong.yaml:1: there is no recipe or file "
                                     "'low/nothing.yaml'"));
  EXPECT_THAT(run({"config", "deep/round.yaml"}).error,
              HasSubstr("bases lead back to where they began"));
}

TEST_F(Commands, CheckoutForTransformersRefusesWhatItsClassCannotExpress) {
  make_store();
  train("odd", 2, {"--set", "model.norm=pre", "--set", "model.qk_norm=false"});
  const Outcome outcome = run({"checkout", "odd", "-o", "out"});
  EXPECT_EQ(outcome.code, 5);
  EXPECT_THAT(outcome.error, HasSubstr("a model with model.norm pre and model.qk_norm false is no "
                                       "Olmo2ForCausalLM"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  must({"checkout", "odd", "-o", "out", "--format", "safetensors"});
}

TEST_F(Commands, CheckoutOfAnyStepRederivesIt) {
  make_store();
  train("one", 6);
  const Json made = must({"checkout", "one@5", "-o", "out", "--format", "safetensors", "--json"})
                        .json_of("checkout");
  EXPECT_EQ(made.at("rederived"), true);
  EXPECT_EQ(made.at("state"), must({"show", "one@5", "--json"}).json_of("state").at("state"));
  const std::string bytes = support::read_text(folder_ / "out/state.safetensors");
  EXPECT_EQ(artifacts::parse_safetensors(as_bytes(bytes), "state").tensors.size(), 5U);
}

TEST_F(Commands, CheckoutRaw) {
  make_store();
  train("one", 6);
  must({"checkout", "one", "-o", "out", "--format", "raw"});
  const std::string step = support::read_text(folder_ / "out/trainer/step.bin");
  EXPECT_EQ(step, std::string("\x06") + std::string(7, '\0'));
}

TEST_F(Commands, CheckoutOfATagFindsItsRun) {
  make_store();
  train("one", 6);
  must({"tag", "kept", "one@4"});
  must({"checkout", "kept", "-o", "out"});
  must({"rm", "one"});
  EXPECT_EQ(run({"checkout", "kept", "-o", "out2"}).code, 3);
  must({"checkout", "kept", "-o", "out2", "--format", "raw"});
}

TEST_F(Commands, CheckoutNeverOverwrites) {
  make_store();
  train("one", 6);
  folder_.write("full/file", "x");
  std::filesystem::create_directory(folder_ / "empty");
  EXPECT_EQ(run({"checkout", "one", "-o", "full"}).code, 6);
  must({"checkout", "one", "-o", "empty"});
  EXPECT_EQ(run({"checkout", "one", "-o", "out", "--format", "pickle"}).code, 2);
  EXPECT_EQ(run({"checkout", "letters", "-o", "out"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_THAT(entry.path().filename().string(), Not(testing::StartsWith(".full")));
  }
}

TEST_F(Commands, ShowWorksOnACopyOfAStoreAndWritesNothingThere) {
  make_store();
  train("one", 6);
  std::filesystem::create_directory(folder_ / "away");
  std::filesystem::copy(folder_ / ".repro", folder_ / "away/store",
                        std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(folder_ / "away/store/index");
  std::filesystem::remove_all(folder_ / ".repro");
  const Json store = must({"show", "away/store", "--json"}).json_of("store");
  EXPECT_EQ(store.at("runs").size(), 1U);
  EXPECT_EQ(must({"-C", "away/store", "show", "last", "--json"}).json_of("run").at("name"), "one");
  must({"-C", "away/store", "log", "last"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "away/store/index"));
}

TEST_F(Commands, ShowOfThingsThatAreNothing) {
  folder_.write("empty/readme", "x");
  EXPECT_EQ(run({"show", "empty/"}).code, 2);
  EXPECT_EQ(run({"show", "nothing-here"}).code, 3);
  folder_.write("bad.safetensors", "garbage");
  EXPECT_EQ(run({"show", "bad.safetensors"}).code, 4);
}

TEST_F(Commands, PlanStartsNothing) {
  const Json plan =
      must({"plan", "olmo2-tiny", "--set", "train.steps=500", "--set", "train.batch_size=2",
            "--set", "data.sequence_length=64", "--tokens-per-second", "1000", "--json"})
          .json_of("plan");
  EXPECT_EQ(plan.at("tokens_per_step"), 128);
  EXPECT_NEAR(plan.at("seconds").get<double>(), 64, 1e-9);
  EXPECT_TRUE(plan.at("derivation").is_null());
  EXPECT_FALSE(std::filesystem::exists(folder_ / ".repro"));
}

TEST_F(Commands, PlanKnowsTheDerivationAndItsRun) {
  make_store();
  const std::string id = train("one", 6);
  const Json plan =
      must({"plan", "olmo2-tiny", "--smoke", "--data", "letters", "--json"}).json_of("plan");
  EXPECT_EQ(plan.at("derivation"), must({"show", id, "--json"}).json_of("run").at("derivation"));
  EXPECT_EQ(plan.at("run"), id);
}

TEST_F(Commands, ConfigGivesWhatResolveReads) {
  const std::string yaml = must({"config", "olmo2-tiny", "--smoke", "--set", "train.seed=5"}).out;
  const std::string path = folder_.write("copy.yaml", yaml);
  EXPECT_EQ(must({"config", path, "--json"}).json_of("config").at("config"),
            must({"config", "olmo2-tiny", "--smoke", "--set", "train.seed=5", "--json"})
                .json_of("config")
                .at("config"));
  EXPECT_THAT(must({"config", "--keys"}).out, HasSubstr("optimizer.learning_rate"));
  EXPECT_THAT(must({"config"}).out, HasSubstr("olmo2-tiny"));
}

TEST_F(Commands, DatasetIsShownWithItsSources) {
  make_store();
  const Json data = must({"show", "letters", "--json"}).json_of("dataset");
  EXPECT_EQ(data.at("tokens"), 19);
  EXPECT_EQ(data.at("sources").at(0).at("path"), "a.txt");
  EXPECT_THAT(must({"show", "letters"}).out, HasSubstr("2.5 nats"));
  EXPECT_EQ(run({"data", "add", "../evil", "letters"}).code, 2);
  for (const char* id : {"-1", "eos", "4294967296"}) {
    EXPECT_EQ(run({"data", "add", "ids", "letters", "--end-of-text", id}).code, 2) << id;
  }
}

}  // namespace
}  // namespace repro::cli_test
