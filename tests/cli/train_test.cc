// `train` and `resume`: what becomes a run, what is continued, what is refused.
#include <gmock/gmock.h>

#include "artifacts/store/store.h"
#include "manifests/run.h"
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Train : public CliTest {
 protected:
  Json show(const std::string& run) { return must({"show", run, "--json"}).json_of("run"); }
};

TEST_F(Train, EndsWithRunStepAndStateRoot) {
  make_store();
  const Outcome outcome =
      must({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "5"});
  const Json run = show("last");
  EXPECT_EQ(outcome.out, "run    " + run.at("id").get<std::string>() + "\nstep   5\nstate  " +
                             run.at("state").at("digest").get<std::string>() + "\n");
}

TEST_F(Train, JsonHasOneEventAStepAndTheRunAtTheEnd) {
  make_store();
  const Outcome outcome =
      must({"--json", "train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "5"});
  EXPECT_THAT(outcome.error, IsEmpty());
  int steps = 0;
  for (const Json& line : outcome.json()) {
    EXPECT_TRUE(line.contains("type") && line.contains("schema"));
    if (line.at("type") != "step") continue;
    EXPECT_EQ(line.at("step"), ++steps);
    EXPECT_TRUE(line.at("loss").is_number());
    EXPECT_TRUE(line.at("tokens_per_second").is_number());
  }
  EXPECT_EQ(steps, 5);
  EXPECT_EQ(outcome.json().back(), show("last"));
}

// The stand-in for the worker skips the update of step 8.
TEST_F(Train, ASkippedUpdateIsTold) {
  make_store();
  train("one", 6);
  const Outcome outcome = must({"resume", "one", "--until", "9"});
  EXPECT_THAT(outcome.error, HasSubstr("step 8: loss 0.1250 or gradient norm 0.5 is far above the "
                                       "ones before; the update was skipped"));
  EXPECT_THAT(must({"log", "one", "-n", "3"}).out, HasSubstr("update skipped"));
  EXPECT_THAT(must({"log", "one", "-n", "1"}).out, Not(HasSubstr("update skipped")));
}

TEST_F(Train, OutsideAStoreMakesOneAndAddsTheData) {
  folder_.write("texts/a.txt", "some text");
  const Outcome outcome =
      must({"train", "olmo2-tiny", "--smoke", "--data", "texts/", "--until", "2"});
  EXPECT_THAT(outcome.error, HasSubstr("made a store in " + folder_.path() + "/.repro"));
  EXPECT_EQ(must({"show", "texts", "--json"}).json_of("dataset").at("tokens"), 9);
}

TEST_F(Train, KnownDerivationIsReportedNotTrainedAgain) {
  make_store();
  const std::string id = train("one", 6);
  const Outcome again = must(
      {"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6", "--name", "two"});
  EXPECT_THAT(again.error, HasSubstr("has this derivation"));
  EXPECT_THAT(again.error, HasSubstr("not renamed"));
  EXPECT_THAT(again.out, HasSubstr(id));
  EXPECT_EQ(must({"runs", "--json"}).json().size(), 1U);
}

TEST_F(Train, RunningKeysDoNotMakeAnotherDerivation) {
  make_store();
  const std::string id = train("one", 6);
  EXPECT_EQ(train("one", 6, {"--threads", "7", "--set", "run.micro_batch=2"}), id);
  EXPECT_EQ(train("one", 6, {"--recompute", "true"}), id);
  EXPECT_NE(train("one", 6, {"--set", "optimizer.learning_rate=0.5"}), id);
}

TEST_F(Train, UntilContinuesWhatUntilBegan) {
  make_store();
  const std::string id = train("one", 5);
  EXPECT_EQ(train("one", 9), id);
  const std::string root = show("one").at("state").at("digest");
  must({"rm", "one"});
  EXPECT_NE(train("straight", 9), id);
  EXPECT_EQ(show("straight").at("state").at("digest"), root);
}

TEST_F(Train, AgainTrainsAnewAndCompares) {
  make_store();
  const std::string id = train("one", 6);
  const Outcome again =
      must({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6", "--again"});
  EXPECT_THAT(again.out, HasSubstr("identical to run " + id.substr(0, 12)));
  EXPECT_EQ(must({"runs", "--json"}).json().size(), 2U);
  EXPECT_EQ(must({"log", "last", "--json"}).out, must({"log", "last~1", "--json"}).out);
  set_environment("FAKE_WORKER_FAIL", "noise");
  const Outcome noisy =
      run({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6", "--again"});
  EXPECT_EQ(noisy.code, 1);
  EXPECT_THAT(noisy.out, HasSubstr("differs"));
  set_environment("FAKE_WORKER_FAIL", "");
}

TEST_F(Train, InterruptedRunIsResumedToTheSameLogAndState) {
  make_store();
  train("straight", 9);
  set_environment("FAKE_WORKER_STOP_AT", "5");
  const Outcome stopped = run({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until",
                               "9", "--again", "--name", "stopped"});
  EXPECT_EQ(stopped.code, 130);
  EXPECT_THAT(stopped.out, HasSubstr("step   5"));
  EXPECT_THAT(must({"status"}).out, HasSubstr("interrupted at step 5 of 9"));
  set_environment("FAKE_WORKER_STOP_AT", "-1");
  must({"resume", "stopped"});
  EXPECT_EQ(show("stopped").at("step"), 9);
  EXPECT_EQ(show("stopped").at("state").at("digest"), show("straight").at("state").at("digest"));
  EXPECT_EQ(must({"log", "stopped", "--json"}).out, must({"log", "straight", "--json"}).out);
}

TEST_F(Train, ResumeOfAFinishedRunGoesToTheEndOfTheSchedule) {
  make_store();
  train("one", 6, {"--set", "train.steps=40"});
  must({"resume", "one"});
  EXPECT_EQ(show("one").at("step"), 40);
  EXPECT_THAT(must({"resume", "one"}).error, HasSubstr("at step 40 already"));
}

TEST_F(Train, AttentionWithinDocumentsIsRefusedOnAGpuBeforeAnythingIsWritten) {
  make_store();
  const Outcome refused = run({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--device",
                               "cuda", "--set", "data.mask_documents=true"});
  EXPECT_EQ(refused.code, 5);
  EXPECT_THAT(refused.error, HasSubstr("data.mask_documents: in exact, a GPU cannot keep"));
  EXPECT_THAT(must({"status"}).out, HasSubstr("0 runs"));
}

TEST_F(Train, DecidingKeyOfARunNeedsAReason) {
  make_store();
  train("one", 6);
  const Outcome refused = run({"resume", "one", "--set", "optimizer.learning_rate=0.5"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.error, HasSubstr("--reason"));
  must({"resume", "one", "--until", "9", "--set", "optimizer.learning_rate=0.5", "--reason",
        "the loss was flat"});
  const Json segments = show("one").at("segments");
  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[1].at("first_step"), 6);
  EXPECT_EQ(segments[1].at("reason"), "the loss was flat");
  EXPECT_EQ(segments[1].at("initial").get<std::string>().size(), 64U);
}

TEST_F(Train, RunningKeyOfARunNeedsNone) {
  make_store();
  train("one", 6);
  must({"resume", "one", "--until", "9", "--set", "run.threads=3", "--checkpoint-every", "1"});
  EXPECT_EQ(show("one").at("segments").size(), 1U);
}

TEST_F(Train, SkippedBatchesAreRecordedAndUnited) {
  make_store();
  train("one", 6);
  must({"resume", "one", "--until", "8", "--skip-batches", "6..8"});
  must({"resume", "one", "--until", "9", "--skip-batches", "7..10"});
  const Json segments = show("one").at("segments");
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[2].at("reason"), "skip batches 7..10");
  const Json config = must({"cat", segments[2].at("config").get<std::string>()}).json().front();
  EXPECT_THAT(config.at("data").at("skip_batches").dump(), HasSubstr("6"));
  EXPECT_THAT(config.at("data").at("skip_batches").dump(), HasSubstr("10"));
  EXPECT_THAT(config.at("data").at("skip_batches").dump(), Not(HasSubstr("8")));
}

TEST_F(Train, ChangesWithoutAStepBetweenAreRefused) {
  make_store();
  train("one", 0);
  const Outcome outcome = run({"resume", "one", "--set", "train.seed=4", "--reason", "x"});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_THAT(outcome.error, HasSubstr("no step"));
}

TEST_F(Train, AModelCannotChangeItsShape) {
  make_store();
  train("one", 6);
  EXPECT_EQ(run({"resume", "one", "--set", "model.num_layers=3", "--reason", "x"}).code, 2);
}

TEST_F(Train, ProfileOfStepsIsATableAndThePathOfTheTrace) {
  make_store();
  const std::string plain = train("one", 6);
  const std::vector<std::string> again = {"train",   "olmo2-tiny", "--smoke", "--data",
                                          "letters", "--until",    "6",       "--again"};
  auto words = again;
  words.insert(words.end(), {"--profile-steps", "3..6", "--profile-file", "t.json"});
  const Outcome outcome = must(words);
  EXPECT_THAT(outcome.out, HasSubstr("4 steps profiled, 5.00 ms each, 2 threads\n"));
  EXPECT_THAT(outcome.out, HasSubstr("gemm       2      4.00  80.0 %  97 %  200.0\n"));
  EXPECT_THAT(outcome.out, HasSubstr("trace  " + folder_.path() + "/t.json\n"));
  EXPECT_THAT(outcome.out, HasSubstr("identical to run " + plain.substr(0, 12)));
  const Json one = show("one");
  const Json last = show("last");
  EXPECT_EQ(one.at("derivation"), last.at("derivation"));
  EXPECT_EQ(one.at("log"), last.at("log"));
  EXPECT_EQ(must({"resume", "one", "--until", "9", "--profile-steps", "8", "--json"})
                .json_of("profile")
                .at("first"),
            8);
}

TEST_F(Train, ProfileThatDidNotFitSaysSo) {
  make_store();
  set_environment("FAKE_WORKER_FAIL", "noise");
  const Outcome outcome = must({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until",
                                "6", "--profile-steps", "5"});
  set_environment("FAKE_WORKER_FAIL", "");
  EXPECT_THAT(outcome.error, HasSubstr("7 spans did not fit"));
}

TEST_F(Train, SenselessProfilesAreRefused) {
  make_store();
  train("one", 6);
  const auto refused = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"resume", "one", "--until", "9"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  for (const char* range : {"0", "5..4", "x", "5..", "..5", "-3", "1..2..3", ""}) {
    const Outcome outcome = refused({std::string("--profile-steps=") + range});
    EXPECT_EQ(outcome.code, 2) << range;
  }
  EXPECT_THAT(refused({"--profile-steps", "6"}).error, HasSubstr("only steps 7..9 would be"));
  EXPECT_EQ(refused({"--profile-steps", "10..12"}).code, 2);
  EXPECT_EQ(refused({"--profile-file", "t.json"}).code, 2);
  folder_.write("t.json", "precious");
  EXPECT_EQ(refused({"--profile-steps", "7", "--profile-file", "t.json"}).code, 6);
  EXPECT_EQ(support::read_text(folder_ / "t.json"), "precious");
  const Outcome done = run({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6",
                            "--profile-steps", "5"});
  EXPECT_EQ(done.code, 2);
  EXPECT_THAT(done.error, HasSubstr("at step 6 already"));
}

TEST_F(Train, BranchStartsAtAnyStepOfAnotherRun) {
  make_store();
  const std::string parent = train("one", 6);
  const std::string root5 =
      must({"show", "one@5", "--json"}).json_of("state").at("state").at("digest");
  must({"train", "olmo2-tiny", "--smoke", "--from", "one@5", "--until", "8", "--name", "branch",
        "--set", "train.seed=3"});
  const Json run = show("branch");
  const Json& segment = run.at("segments").at(0);
  EXPECT_EQ(segment.at("first_step"), 5);
  EXPECT_EQ(segment.at("parent_run"), parent);
  EXPECT_EQ(segment.at("initial"), root5);
  EXPECT_EQ(run.at("dataset").at("name"), "letters");  // its parent's, unless told otherwise
  // The re-derived state was kept, so the branch stands by itself.
  EXPECT_EQ(must({"fsck"}).code, 0);
}

TEST_F(Train, ResetStateForgetsWhatIsAsked) {
  make_store();
  train("one", 6);
  must({"train", "olmo2-tiny", "--smoke", "--from", "one", "--reset", "data,step,optimizer",
        "--until", "3", "--name", "fresh"});
  const Json segment = show("fresh").at("segments").at(0);
  EXPECT_EQ(segment.at("first_step"), 0);
  const std::string parent = segment.at("parent_state");
  const Json state = must({"show", parent, "--json"}).json_of("state");
  EXPECT_EQ(state.at("step"), 0);
  for (const Json& tensor : state.at("tensors")) {
    const std::string bytes = must({"cat", tensor.at("digest").get<std::string>()}).out;
    const bool zero = bytes.find_first_not_of('\0') == std::string::npos;
    EXPECT_EQ(zero, tensor.at("name") != "model.norm.weight") << tensor.at("name");
  }
  EXPECT_EQ(state.at("model").at("digest"), show("one").at("model").at("digest"));
}

TEST_F(Train, ResetIsChecked) {
  make_store();
  train("one", 6);
  EXPECT_EQ(run({"train", "olmo2-tiny", "--smoke", "--reset", "data"}).code, 2);
  const Outcome outcome =
      run({"train", "olmo2-tiny", "--smoke", "--from", "one", "--reset", "data,everything"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("'everything'"));
}

TEST_F(Train, VerifyOfAStateNotKeptSaysWhetherTheLogHasItsRoot) {
  make_store();
  train("one", 6, {"--digest-every", "3"});
  const Outcome logged = must({"verify", "one@3"});
  EXPECT_THAT(logged.out, HasSubstr("re-derived; its root is the log's"));
  const Outcome silent = run({"verify", "one@2"});
  EXPECT_EQ(silent.code, 5);
  EXPECT_THAT(silent.out, Not(HasSubstr("its root is the log's")));
  EXPECT_THAT(silent.out, HasSubstr("its root: the log has none at step 2"));
  EXPECT_THAT(silent.out, HasSubstr("one@2: partial"));
  EXPECT_THAT(must({"verify", "one@0"}).out, HasSubstr("its root is the log's"));
}

TEST_F(Train, RanksAreRefusedBeforeTheyExist) {
  for (const char* option : {"--ranks=3", "--set=run.ranks=3"}) {
    const Outcome outcome = run({"train", "olmo2-tiny", option});
    EXPECT_EQ(outcome.code, 5);
    EXPECT_THAT(outcome.error, HasSubstr("ranks do not exist yet"));
  }
}

TEST_F(Train, DevicesAndProfilesTheWorkerDoesNotHave) {
  const Outcome cuda = run({"train", "olmo2-tiny", "--device", "cuda"});
  EXPECT_EQ(cuda.code, 5);
  EXPECT_THAT(cuda.error, HasSubstr("--device cuda: there is no driver"));
  make_store();
  train("one", 6);
  EXPECT_EQ(run({"resume", "one", "--until", "9", "--device", "cuda"}).code, 5);
  EXPECT_EQ(run({"train", "olmo2-tiny", "--profile", "native"}).code, 5);
  EXPECT_EQ(run({"train", "olmo2-tiny", "--device", "abacus"}).code, 2);
}

TEST_F(Train, BadRecipesNameLineAndNearestKey) {
  const std::string path = folder_.write("mine.yaml", "name: mine\nmodel:\n  hiden_size: 64\n");
  const Outcome outcome = run({"train", path});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("mine.yaml:3"));
  EXPECT_THAT(outcome.error, HasSubstr("hidden_size"));
  EXPECT_EQ(run({"train", "olmo2-tiny", "--set", "train.steps"}).code, 2);
  EXPECT_EQ(run({"train", "olmo2-tiny", "--set", "train.steps=many"}).code, 2);
}

TEST_F(Train, UnknownRecipeSuggestsTheNearest) {
  const Outcome outcome = run({"train", "olmo2-tyni"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("did you mean olmo2-tiny?"));
}

TEST_F(Train, RecipeFileWithSmokeBesideIt) {
  make_store();
  folder_.write("mine/recipe.yaml", must({"cat", "olmo2-tiny"}).out);
  EXPECT_THAT(run({"train", "mine", "--smoke"}).error, HasSubstr("no smoke size"));
  folder_.write("mine/smoke.yaml", "train:\n  steps: 30\n");
  EXPECT_EQ(must({"config", "mine", "--smoke", "--json"})
                .json_of("config")
                .at("config")
                .at("train")
                .at("steps"),
            30);
}

TEST_F(Train, MissingDataIsNotFound) {
  make_store();
  const Outcome outcome = run({"train", "olmo2-tiny", "--smoke", "--data", "nowhere/at/all"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(run({"train", "olmo2-tiny", "--smoke", "--data", "lettres"}).code, 3);
}

TEST_F(Train, LockedRunIsAConflict) {
  make_store();
  const std::string id = train("one", 6);
  artifacts::Store store = artifacts::Store::open(system_file_system(), folder_ / ".repro");
  const auto lock = store.lock_run(id);
  EXPECT_EQ(run({"resume", "one"}).code, 6);
  EXPECT_EQ(run({"rm", "one"}).code, 6);
}

TEST_F(Train, KilledRunIsShownAsInterrupted) {
  make_store();
  set_environment("FAKE_WORKER_FAIL", "kill");
  EXPECT_EQ(run({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6"}).code, 5);
  set_environment("FAKE_WORKER_FAIL", "");
  EXPECT_EQ(show("last").at("status"), "interrupted");
  EXPECT_TRUE(show("last").at("state").at("digest").is_null());
  must({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "6"});
  EXPECT_EQ(must({"runs", "--json"}).json().size(), 1U);
  EXPECT_EQ(show("last").at("step"), 6);
}

TEST_F(Train, ProgressBarOnATerminalOnly) {
  make_store();
  const std::vector<std::string> words = {"train",   "olmo2-tiny", "--smoke", "--data",
                                          "letters", "--until",    "8"};
  EXPECT_THAT(run_on_terminal(words).error, HasSubstr("training ["));
  must({"rm", "last"});
  const Outcome plain = run(words);
  EXPECT_THAT(plain.error, Not(HasSubstr("\033")));
  EXPECT_THAT(plain.error, HasSubstr("held-out loss 0.5000"));
}

}  // namespace
}  // namespace repro::cli_test
