// What becomes of a worker that is missing, dies, or talks nonsense.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;

class Worker : public CliTest {
 protected:
  Worker() { make_store(); }

  Outcome fail_with(const std::string& mode) {
    set_environment("FAKE_WORKER_FAIL", mode);
    Outcome outcome = run({"train", "olmo2-tiny", "--smoke", "--data", "letters", "--until", "3"});
    set_environment("FAKE_WORKER_FAIL", "");
    return outcome;
  }
};

TEST_F(Worker, MissingOneSaysHowToBuildIt) {
  set_environment("REPRO_TRAIN", folder_ / "nowhere");
  for (const auto& words : {std::vector<std::string>{"train", "olmo2-tiny", "--smoke"},
                            {"data", "add", "more", "letters"}}) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 5);
    EXPECT_THAT(outcome.error, HasSubstr("cmake --preset train-cpu"));
  }
  EXPECT_THAT(must({"doctor"}).out, HasSubstr("repro-train is not here"));
}

TEST_F(Worker, DoctorSaysWhatGpuThereIsOrWhyNone) {
  EXPECT_THAT(must({"doctor"}).out,
              HasSubstr("gpu        --device cuda: there is no driver: install it"));
  set_environment("FAKE_WORKER_GPU", "NVIDIA H200, sm_90");
  EXPECT_THAT(must({"doctor"}).out, HasSubstr("gpu        NVIDIA H200, sm_90; driver 580.65.06"));
}

TEST_F(Worker, FileThatIsNoProgram) {
  set_environment("REPRO_TRAIN", folder_.write("plain", "no program"));
  const Outcome outcome = run({"train", "olmo2-tiny", "--smoke", "--data", "letters"});
  EXPECT_EQ(outcome.code, 5);
  EXPECT_THAT(outcome.error, HasSubstr("cannot run"));
  EXPECT_EQ(run({"doctor"}).code, 5);
}

TEST_F(Worker, ItsErrorsAreOurs) {
  const Outcome outcome = fail_with("error");
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.error, HasSubstr("object 12ab is damaged"));
  EXPECT_THAT(outcome.error, HasSubstr("run fsck"));
}

TEST_F(Worker, ChatterIsABug) {
  const Outcome outcome = fail_with("chatter");
  EXPECT_EQ(outcome.code, 70);
  EXPECT_THAT(outcome.error, HasSubstr("must be of one build"));
}

TEST_F(Worker, SilentFailureIsABug) {
  const Outcome outcome = fail_with("silent");
  EXPECT_EQ(outcome.code, 70);
  EXPECT_THAT(outcome.error, HasSubstr("with status 9"));
}

TEST_F(Worker, KilledOneSpeaksOfMemory) {
  EXPECT_THAT(fail_with("kill").error, HasSubstr("want of memory"));
}

TEST_F(Worker, NotesReachThePerson) {
  EXPECT_THAT(must({"data", "add", "more", "letters"}).error, HasSubstr("the stand-in is at work"));
  EXPECT_EQ(must({"data", "add", "more", "letters", "--json"}).json_of("note").at("message"),
            "the stand-in is at work");
}

TEST_F(Worker, SpecFilesAreRemoved) {
  set_environment("TMPDIR", folder_.path());
  must({"data", "add", "more", "letters"});
  fail_with("error");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("repro-spec")));
  }
  ::unsetenv("TMPDIR");
}

TEST_F(Worker, BatchOfAStep) {
  train("one", 4);
  const Json batch = must({"show", "one@3", "--batch", "--text", "--json"}).json_of("batch");
  EXPECT_EQ(batch.at("step"), 3);
  EXPECT_EQ(batch.at("samples").at(0).at("text"), "hello");
  EXPECT_THAT(must({"show", "one@3", "--batch", "--text"}).out, HasSubstr("hello"));
  EXPECT_EQ(run({"show", "one", "--batch"}).code, 2);
  EXPECT_EQ(run({"show", "one", "--text"}).code, 2);
}

}  // namespace
}  // namespace repro::cli_test
