// `repro verify --as olmo2`: what it prints and refuses. Its rules: tests/verify.
#include <gmock/gmock.h>

#include "tests/cli/cli_fixture.h"
#include "tests/support/fixtures.h"

namespace repro::cli_test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class VerifyAs : public CliTest {};

TEST_F(VerifyAs, AReleasedListIsConsistentAndNothingIsCalledReproduced) {
  REPRO_FIXTURE(text, "olmo2/OLMo-2-1124-7B-stage2.csv");
  folder_.write("7b.csv", text);
  const Outcome outcome = must({"verify", "--as", "olmo2", "7b.csv"});
  EXPECT_THAT(outcome.out, HasSubstr("36 rows of 3 runs"));
  EXPECT_THAT(outcome.out, HasSubstr("not checked:\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\n7b.csv: consistent\n"));
  EXPECT_THAT(outcome.out, Not(HasSubstr(": reproduced")));
  const Json record =
      must({"verify", "--as", "olmo2", "7b.csv", "--json"}).json_of("others_verification");
  EXPECT_EQ(record.at("verdict"), "consistent");
  EXPECT_EQ(record.at("findings").at("note"), 3);
}

TEST_F(VerifyAs, AListThatContradictsItselfEndsWithOne) {
  folder_.write("list.csv", "Step,Checkpoint Directory\n5,u/step5\n5,v/step5\n");
  const Outcome outcome = run({"verify", "--as", "olmo2", "list.csv"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("step 5 has two locations"));
  EXPECT_THAT(outcome.out, HasSubstr("list.csv: inconsistent"));
}

TEST_F(VerifyAs, AFolderIsReadWithoutAStore) {
  folder_.write("run/step4-unsharded/config.yaml",
                "global_train_batch_size: 8\nmodel: {max_sequence_length: 16}\n"
                "scheduler: {t_warmup: 0, t_max: 100}\n");
  folder_.write("run/step4-unsharded/model.bin", "weights");
  const Outcome outcome = must({"verify", "--as", "olmo2", "run"});
  EXPECT_THAT(outcome.out, HasSubstr("step4-unsharded: 512 tokens seen, learning rate"));
  EXPECT_THAT(outcome.out, HasSubstr("run: consistent"));
  must({"-C", "run/step4-unsharded", "verify", "--as", "olmo2", "."});
}

TEST_F(VerifyAs, AnOrderIsTheWorkersToMake) {
  folder_.write("run/config.yaml",
                "global_train_batch_size: 8\nmodel: {max_sequence_length: 16}\n"
                "scheduler: {t_warmup: 0, t_max: 100}\ndata: {drop_last: true}\n");
  folder_.write("run/global_indices.npy", std::string(4, '\0'));
  const Outcome other = run({"verify", "--as", "olmo2", "run"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, HasSubstr("place 0 holds index 1; the order of seed 6198, epoch 0 of 8 "
                                   "instances has 7"));
  set_environment("REPRO_TRAIN", folder_ / "nowhere");
  EXPECT_THAT(must({"verify", "--as", "olmo2", "run"}).out,
              HasSubstr("is the order of seed 6198, epoch 0: needs the worker"));
}

TEST_F(VerifyAs, AWorkerThatFailsTakesNoFindingsAlong) {
  folder_.write("run/config.yaml",
                "global_train_batch_size: 8\nmodel: {max_sequence_length: 16}\n"
                "scheduler: {t_warmup: 0, t_max: 100}\ndata: {drop_last: true}\n");
  folder_.write("run/global_indices.npy", std::string(4, '\0'));
  folder_.write("run/model.pt", "no archive");
  const std::string claim = "  global_indices.npy is the order of seed 6198, epoch 0";
  for (const auto& [mode, reason] : {std::pair("error", "object 12ab is damaged"),
                                     std::pair("chatter", "said what is no event")}) {
    set_environment("FAKE_WORKER_FAIL", mode);
    const Outcome outcome = run({"verify", "--as", "olmo2", "run"});
    EXPECT_EQ(outcome.code, 4);
    EXPECT_THAT(outcome.out, HasSubstr("model.pt is no sound archive"));
    EXPECT_THAT(outcome.out, ContainsRegex(claim + ": the worker failed: .*" + reason));
    EXPECT_THAT(outcome.out, Not(HasSubstr(claim + ", of")));
    EXPECT_THAT(outcome.out, HasSubstr("\nrun: corrupt\n"));
  }
}

TEST_F(VerifyAs, BadInputIsRefused) {
  folder_.write("empty/a.txt", "");
  folder_.write("list.csv", "a,b\n");
  EXPECT_EQ(run({"verify", "--as", "olmo2", "nowhere"}).code, 3);
  EXPECT_EQ(run({"verify", "--as", "olmo2", "empty"}).code, 3);
  EXPECT_EQ(run({"verify", "--as", "olmo2", "list.csv"}).code, 2);
  EXPECT_EQ(run({"verify", "--as", "olmo3", "list.csv"}).code, 2);
  EXPECT_THAT(run({"verify", "--as", "olmo2", "list.csv", "--tensor", "x"}).error,
              HasSubstr("--tensor does not go with --as"));
}

}  // namespace
}  // namespace repro::cli_test
