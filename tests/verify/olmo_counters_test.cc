// What the old trainer counts: steps, tokens, updates, rates.
#include "verify/olmo_counters.h"

#include <gmock/gmock.h>

#include "artifacts/base/error.h"
#include "tests/verify/olmo_folder.h"

namespace repro::verify_test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using verify::OlmoStart;
using verify::Severity;

class OlmoCounters : public OlmoFolderTest {
 protected:
  // step4-unsharded with all that the trainer writes.
  void write_all(const std::string& lines = "", float updates = 4, double rate = 0.25) {
    write_original("step4-unsharded", numbers(1), lines);
    write_optimizer("step4-unsharded", updates, rate);
    write_trainer("step4-unsharded", 4, 4 * 2 * 32);
  }
};

TEST_F(OlmoCounters, CountersThatFitAreConsistent) {
  write_all();
  const auto verification = verify();
  EXPECT_THAT(messages(verification, Severity::note), IsEmpty());
  for (const char* claim :
       {"train.pt is of the step of the name (1", "steps x batch x length (1",
        "lies ahead by the step it was loaded from (1", "schedule at this step, to the bit (1"}) {
    EXPECT_THAT(verification.result.checked, Contains(HasSubstr(claim)));
  }
  write_trainer("step4-unsharded", 4, 4 * 2 * 32);
  std::filesystem::remove(folder_ / "step4-unsharded/optim.pt");
  std::filesystem::rename(folder_ / "step4-unsharded/train.pt",
                          folder_ / "step4-unsharded/other.pt");  // as of older versions
  EXPECT_THAT(verify().result.checked, Contains(HasSubstr("steps x batch x length (1")));
  EXPECT_THAT(verify().result.not_checked, Contains(HasSubstr("model and optimizer")));
}

TEST_F(OlmoCounters, OtherCountsAreFound) {
  write_all();
  write_trainer("step4-unsharded", 5, 4 * 2 * 32);
  EXPECT_THAT(messages(verify()),
              testing::UnorderedElementsAre(
                  "train.pt is of step 5, the name of step 4",
                  "train.pt has seen 256 tokens, but 5 steps of 2 sequences of 32 are 320"));
  write_all("", 5);
  EXPECT_THAT(messages(verify()), ElementsAre("the optimizer counts 5 updates at step 4 of a run "
                                              "that began at none; expected 4"));
  write_all("", 4, 0.26);
  EXPECT_THAT(messages(verify()),
              ElementsAre("optim.pt has the learning rate 0.26, the schedule 0.25"));
  EXPECT_EQ(status(verify()), 1);
}

TEST_F(OlmoCounters, AnAnnealCountsTheUpdatesBeforeIt) {
  const std::string anneal = "load_path: https://a.org/b/step1000-unsharded/\n";
  write_all(anneal + "restore_dataloader: false\n", 1004);
  EXPECT_THAT(messages(verify(), Severity::note), IsEmpty());
  write_all(anneal + "restore_dataloader: false\n", 4);
  EXPECT_THAT(messages(verify(), Severity::warning),
              ElementsAre("the optimizer counts 4 updates at step 4 of a run that was loaded from "
                          "step 1000; expected 1004"));
  EXPECT_EQ(status(verify()), 0);
  write_all(anneal + "restore_dataloader: false\nreset_optimizer_state: true\n", 4);
  EXPECT_THAT(messages(verify(), Severity::note), IsEmpty());
  write_all(anneal, 1004);
  EXPECT_THAT(messages(verify(), Severity::note), ElementsAre(HasSubstr("were set back")));
}

TEST_F(OlmoCounters, WhatARunBeganWithSaysItsLead) {
  EXPECT_EQ(OlmoStart().lead(), 0);
  EXPECT_EQ((OlmoStart{false, true, true, 7}.lead()), std::nullopt);
  EXPECT_EQ((OlmoStart{false, false, true, 7}.lead()), 7);
  EXPECT_EQ((OlmoStart{false, true, false, 7}.lead()), -7);
  EXPECT_EQ((OlmoStart{false, false, true, std::nullopt}.lead()), std::nullopt);
  EXPECT_EQ((OlmoStart{false, false, false, std::nullopt}.lead()), 0);
}

TEST_F(OlmoCounters, BrokenFilesAreFindings) {
  write_all();
  for (const char* name : {"step4-unsharded/optim.pt", "step4-unsharded/train.pt"}) {
    const std::string whole = system_file_system().read_file(folder_ / name);
    folder_.write(name, whole.substr(0, whole.size() / 2));
    EXPECT_THAT(messages(verify()), ElementsAre(HasSubstr(name))) << name;
    EXPECT_EQ(status(verify()), 4);
    write_evil(name);
    EXPECT_THAT(messages(verify()), ElementsAre(HasSubstr("os.system"))) << name;
    EXPECT_EQ(status(verify()), 4);
    folder_.write(name, whole);
  }
  EXPECT_THAT(messages(verify()), IsEmpty());
  write_all("", 2.5F);
  EXPECT_THAT(messages(verify()), ElementsAre(HasSubstr("is no whole number")));
  EXPECT_EQ(status(verify()), 1);
}

}  // namespace
}  // namespace repro::verify_test
