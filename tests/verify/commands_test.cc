// diff, verify and fsck as commands: output, JSON and exit codes. The worker is a script that
// prints events made beforehand, since what is tested is what becomes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "artifacts/base/clock.h"
#include "artifacts/base/json.h"
#include "cli/program.h"
#include "tests/support/corrupt.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"
#include "verify/run_logs.h"
#include "verify/verify.h"

namespace repro::verify_test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Outcome {
  int code = 0;
  std::string out;
  std::string error;
};

class Commands : public ::testing::Test {
 protected:
  Commands() : old_folder_(fs::current_path().string()), builder_(folder_ / ".repro") {
    fs::current_path(folder_.path());
    RunPlan plan;
    plan.name = "base";
    base_ = builder_.add_run(plan);
    plan.name = "twin";
    plan.nonce = "01";
    twin_ = builder_.add_run(plan);
    plan.name = "wrong";
    plan.nonce = "02";
    plan.differs_from = 5;
    wrong_ = builder_.add_run(plan);
    plan.name = "faster";
    plan.differs_from = 0;
    plan.learning_rate = "0.01";
    builder_.add_run(plan);
  }
  ~Commands() override { fs::current_path(old_folder_); }

  Outcome run(const std::vector<std::string>& words, bool json = false) {
    std::ostringstream out;
    std::ostringstream error;
    cli::IoSettings settings;
    settings.json = json;
    cli::Io io(out, error, settings);
    Outcome outcome;
    outcome.code = cli::run_program(words, io, system_file_system(), system_clock());
    outcome.out = out.str();
    outcome.error = error.str();
    return outcome;
  }
  // The last JSON line of a type.
  Json json_of(std::vector<std::string> words, const std::string& type) {
    words.insert(words.begin(), "--json");
    std::istringstream lines(run(words).out);
    Json found;
    for (std::string line; std::getline(lines, line);) {
      Json json = parse_json(line, "output");
      if (json["type"] == type) found = std::move(json);
    }
    EXPECT_FALSE(found.is_null()) << type;
    return found;
  }

  // A worker that, whatever it is asked, replays lines `first`.. of `run`'s log.
  void make_worker(const BuiltRun& run, std::size_t first, std::size_t last) {
    std::string events;
    const auto lines = verify::split_log(run.log);
    for (std::size_t i = first; i <= last; ++i) {
      const Json event = {
          {"type", "line"}, {"step", lines[i].step}, {"line", std::string(lines[i].text)}};
      events += event.dump() + "\n";
    }
    events += R"({"type":"done","status":"replayed"})";
    folder_.write("events", events + "\n");
    const std::string script =
        folder_.write("worker", "#!/bin/sh\nexec cat '" + folder_ / "events" + "'\n");
    fs::permissions(script, fs::perms::owner_all);
    ::setenv("REPRO_TRAIN", script.c_str(), 1);
  }

  std::string old_folder_;
  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  BuiltRun base_;
  BuiltRun twin_;
  BuiltRun wrong_;
};

TEST_F(Commands, DiffOfTwoRealisationsIsIdentical) {
  const Outcome outcome = run({"diff", "base", "twin"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("equal to step 6"));
  EXPECT_THAT(outcome.out, HasSubstr("identical"));
}

TEST_F(Commands, DiffNamesTheStepTheTensorAndTheDistance) {
  const Outcome outcome = run({"diff", "base", "wrong"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("logs differ first at step 5: model, state"));
  EXPECT_THAT(outcome.out, HasSubstr("lm_head.weight"));
  EXPECT_THAT(outcome.out, HasSubstr("1 of 32 differ, first at 5"));
  EXPECT_THAT(outcome.out, HasSubstr("max ULP 1"));
  const Json json = json_of({"diff", "base", "wrong"}, "diff");
  EXPECT_EQ(json["identical"], false);
  EXPECT_EQ(json["first_root"]["step"], 5);
  EXPECT_EQ(json["equal_steps"], 4);
  EXPECT_EQ(json["different_tensors"], 4);
}

TEST_F(Commands, DiffOfRecipeValuesNamesTheKey) {
  const Outcome outcome = run({"diff", "base", "faster"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("optimizer.learning_rate"));
  EXPECT_THAT(outcome.out, HasSubstr("deciding"));
}

TEST_F(Commands, DiffOfStatesAndOfARunWithAState) {
  EXPECT_EQ(run({"diff", "base@6", "twin@6"}).code, 0);
  EXPECT_EQ(run({"diff", "base@3", "base"}).code, 1);
  EXPECT_EQ(run({"diff", "base@6", "wrong@6", "--tensor", "trainer/step"}).code, 0);
  EXPECT_EQ(run({"diff", "base@6", "wrong@6", "--tensor", "no.such"}).code, 3);
}

TEST_F(Commands, DiffOfFoldersRecipesDatasetsAndObjects) {
  folder_.write("x/a", "1");
  folder_.write("y/a", "1");
  EXPECT_EQ(run({"diff", "./x", "./y"}).code, 0);
  folder_.write("y/b", "1");
  EXPECT_EQ(run({"diff", "./x", "./y"}).code, 1);
  EXPECT_EQ(run({"diff", "olmo2-tiny", "olmo2-17m"}).code, 1);
  EXPECT_EQ(run({"diff", "olmo2-tiny", "olmo2-tiny"}).code, 0);
  EXPECT_EQ(run({"diff", "corpus", "corpus"}).code, 0);
  const std::string a = builder_.store().put(std::string_view("some bytes")).digest.hex();
  const std::string b = builder_.store().put(std::string_view("same bytes!")).digest.hex();
  EXPECT_EQ(run({"diff", a, a}).code, 0);
  EXPECT_EQ(run({"diff", a, b}).code, 1);
}

TEST_F(Commands, DiffRefusesThingsOfDifferentKinds) {
  EXPECT_EQ(run({"diff", "base", "corpus"}).code, 2);
  EXPECT_EQ(run({"diff", "base@3", "olmo2-tiny"}).code, 2);
  EXPECT_EQ(run({"diff", "base"}).code, 2);
  EXPECT_EQ(run({"diff", "base", "nothing-like-this"}).code, 3);
}

TEST_F(Commands, DiffOfADamagedStateIsCorruption) {
  const auto state =
      manifests::parse_state(builder_.store().get(base_.run.states.back().manifest), "state");
  support::flip_bit(builder_.store().object_path(state.tensors[2].digest), 9);
  EXPECT_EQ(run({"diff", "base@6", "wrong@6"}).code, 4);
}

TEST_F(Commands, VerifySaysWhatWasCheckedAndWhatNot) {
  const Outcome outcome = run({"verify", "base"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("checked:"));
  EXPECT_THAT(outcome.out, HasSubstr("not checked:"));
  EXPECT_THAT(outcome.out, HasSubstr("base: consistent"));
  EXPECT_EQ(outcome.out.find("authentic:"), std::string::npos);
  EXPECT_EQ(json_of({"verify", "base"}, "verification")["verdict"], "consistent");
}

TEST_F(Commands, VerifyOfEachKind) {
  EXPECT_EQ(run({"verify", "base@3"}).code, 0);
  EXPECT_EQ(run({"verify", "corpus"}).code, 0);
  EXPECT_EQ(run({"verify", base_.run.segments[0].config.hex()}).code, 0);
  EXPECT_EQ(run({"verify", "./.repro"}).code, 0);
  EXPECT_EQ(run({"verify", "."}).code, 0);
  EXPECT_EQ(run({"verify", "base", "--tensor", "lm_head.weight"}).code, 0);
  EXPECT_EQ(run({"verify", "base", "--tensor", "no.such"}).code, 3);
  EXPECT_EQ(run({"verify", "olmo2-tiny"}).code, 2);
  folder_.write("empty/readme", "nothing to check against");
  EXPECT_EQ(run({"verify", "./empty"}).code, 3);
  EXPECT_EQ(run({"verify", "./empty/readme"}).code, 2);
}

TEST_F(Commands, VerifyWorksOnAReadOnlyStoreWithoutOneOfItsOwn) {
  const std::string medium = folder_ / "medium";
  fs::rename(folder_ / ".repro", medium);
  for (const auto& entry : fs::recursive_directory_iterator(medium)) {
    fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::remove);
  }
  EXPECT_EQ(run({"verify", "./medium"}).code, 0);
  for (const auto& entry : fs::recursive_directory_iterator(medium)) {
    fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
  }
  support::flip_bit(medium + "/format", 12);
  EXPECT_EQ(run({"verify", "./medium"}).code, 4);
}

TEST_F(Commands, VerifyOfDamageNamesFileAndReferrer) {
  const std::string path = builder_.store().object_path(base_.run.states[0].manifest);
  support::flip_bit(path, 77);
  const Outcome outcome = run({"verify", "base"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.out, HasSubstr(path));
  EXPECT_THAT(outcome.out, HasSubstr("referred to by: state manifest of step 3"));
  EXPECT_EQ(run({"fsck"}).code, 4);
}

TEST_F(Commands, ReplayThatGivesTheLoggedLinesIsIdentical) {
  make_worker(base_, 0, 6);
  const Outcome outcome = run({"verify", "base", "--replay"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("replay of steps 1..6"));
  EXPECT_LT(outcome.out.find("cost: about"), outcome.out.find("checked:"));
  EXPECT_THAT(outcome.out, HasSubstr("identical, 7 lines"));
}

TEST_F(Commands, ReplayOfARangeSaysWhatWasNotCompared) {
  make_worker(base_, 4, 5);
  const Outcome outcome = run({"verify", "base", "--replay=4..5"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("from the stored state of step 3: 2 updates"));
  EXPECT_THAT(outcome.out, HasSubstr("not compared: the other 4 steps"));
}

TEST_F(Commands, ReplayThatDiffersNamesStepAndFields) {
  make_worker(wrong_, 0, 6);
  const Outcome outcome = run({"verify", "base", "--replay"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("different at step 5"));
  const Json json = json_of({"verify", "base", "--replay"}, "replay");
  EXPECT_EQ(json["fields"], Json({"model", "state"}));
  EXPECT_EQ(json["step"], 5);
}

TEST_F(Commands, ReplayOfASamplePrintsItsSeed) {
  make_worker(base_, 1, 3);
  const Outcome outcome = run({"verify", "base", "--replay=sample:1", "--seed", "7"});
  EXPECT_THAT(outcome.out, HasSubstr("sample of 1 steps, seed 7:"));
  const std::string fresh = run({"verify", "base", "--replay=sample:2"}).out;
  EXPECT_THAT(fresh, HasSubstr("seed "));
}

TEST_F(Commands, ReplayIsNotStartedOnDamagedInputs) {
  make_worker(base_, 0, 6);
  support::flip_bit(builder_.store().object_path(base_.run.segments[0].config), 9);
  const Outcome outcome = run({"verify", "base", "--replay"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_EQ(outcome.out.find("identical"), std::string::npos);
}

TEST_F(Commands, ReplayRefusesWhatMakesNoSense) {
  for (const char* value :
       {"0..3", "3..99", "5..2", "x", "1..y", "sample:0", "sample:", "sample:z"}) {
    EXPECT_EQ(run({"verify", "base", std::string("--replay=") + value}).code, 2) << value;
  }
  EXPECT_EQ(run({"verify", "corpus", "--replay"}).code, 2);
}

TEST_F(Commands, FsckIsSoundAndSweepsOldUnpublishedFiles) {
  const std::string old_file = folder_.write(".repro/tmp/old", "x");
  folder_.write(".repro/tmp/new", "x");
  fs::last_write_time(old_file, fs::file_time_type::clock::now() - std::chrono::hours(48));
  const Outcome outcome = run({"fsck"});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("sound: "));
  EXPECT_FALSE(fs::exists(old_file));
  EXPECT_TRUE(fs::exists(folder_ / ".repro/tmp/new"));
  EXPECT_EQ(json_of({"fsck"}, "fsck")["runs"], 4);
}

TEST_F(Commands, FsckOfADamagedFormatFileNamesIt) {
  support::flip_bit(folder_ / ".repro/format", 5);
  const Outcome outcome = run({"fsck"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.error, HasSubstr(".repro/format"));
}

TEST_F(Commands, FindingsWithOddFileNamesAreStillJson) {
  folder_.write(".repro/odd\xff\nname", "x");
  const Json json = json_of({"fsck"}, "finding");
  EXPECT_THAT(json["path"].get<std::string>(), HasSubstr("odd\\xff\\x0aname"));
}

}  // namespace
}  // namespace repro::verify_test
