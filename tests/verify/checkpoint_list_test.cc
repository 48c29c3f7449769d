#include "verify/checkpoint_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/base/error.h"
#include "tests/support/fixtures.h"
#include "verify/olmo_name.h"

namespace repro::verify {
namespace {

using testing::HasSubstr;

TEST(OlmoName, SaysStageIngredientStepAndTokens) {
  EXPECT_EQ(find_olmo_name("step1000"), (OlmoName{0, 0, 1000, {}}));
  EXPECT_EQ(find_olmo_name("step0-unsharded"), (OlmoName{0, 0, 0, {}}));
  EXPECT_EQ(find_olmo_name("step150-tokens1B"), (OlmoName{0, 0, 150, 1}));
  EXPECT_EQ(find_olmo_name("stage1-step928646-tokens3896B"), (OlmoName{1, 0, 928646, 3896}));
  EXPECT_EQ(find_olmo_name("stage2-ingredient3-step11931-tokens51B"), (OlmoName{2, 3, 11931, 51}));
  for (const char* bad :
       {"", "main", "latest", "step", "step-1", "step01", "step1x", "step1-", "step1-tokens5",
        "step1-tokensB", "step1-tokens5B-unsharded", "stage1-step1-unsharded", "ingredient1-step1",
        "step99999999999999999999", "step281474976710657", "stage2-step1--tokens5B"}) {
    EXPECT_EQ(find_olmo_name(bad), std::nullopt) << bad;
  }
}

// Names on the hub.
TEST(OlmoName, TokensAreRoundedUp) {
  EXPECT_EQ(billions_of_tokens(150, 1024 * 4096), 1);
  EXPECT_EQ(billions_of_tokens(721901, 2048 * 4096), 6056);
  EXPECT_EQ(billions_of_tokens(11921, 2048 * 4096), 101);
  EXPECT_EQ(billions_of_tokens(35763, 2048 * 4096), 301);
  EXPECT_EQ(billions_of_tokens(5, 1'000'000'000), 5);
  EXPECT_EQ(billions_of_tokens(0, 4096), 0);
  EXPECT_EQ(billions_of_tokens(std::int64_t{1} << 48, std::int64_t{1} << 48), std::nullopt);
}

TEST(OlmoName, OneFolderHasOneLocation) {
  for (const char* same : {"https://a.org/b/c/", "http://a.org//b/./c", "a.org/b/c"}) {
    EXPECT_EQ(plain_location(same), "a.org/b/c");
  }
  EXPECT_EQ(plain_location("https://"), "");
}

std::vector<std::string> findings_of(const std::string& rows, bool runs = false) {
  const std::string head =
      runs ? "Ingredient,Step,Checkpoint Directory" : "Step,Checkpoint Directory";
  std::vector<std::string> list;
  for (const Finding& finding :
       check_checkpoint_list(parse_checkpoint_list(head + rows, "l.csv"))) {
    EXPECT_EQ(finding.path, "l.csv");
    list.push_back(std::string(severity_name(finding.severity)) + ": " + finding.message);
  }
  return list;
}

TEST(CheckpointList, OfTheReleaseIsConsistent) {
  REPRO_FIXTURE(text, "olmo2/OLMo-2-1124-7B-stage2.csv");
  const CheckpointList list = parse_checkpoint_list(text, "7b.csv");
  EXPECT_EQ(list.rows.size(), 36U);
  const auto findings = check_checkpoint_list(list);
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(exit_status(findings), 0);
  EXPECT_EQ(findings[0].message, "ingredient 1: 1 off the grid of 1000: 11931");
}

TEST(CheckpointList, WithoutItsLastNewlineAndWithReturnsIsTheSame) {
  EXPECT_TRUE(findings_of("\r\n1000,u/step1000\r\n2000,u/step2000").empty());
  EXPECT_TRUE(findings_of("\n1000,u/step1000\n2000,u/step2000\n").empty());
}

TEST(CheckpointList, FindsWhatIsThereTwice) {
  EXPECT_THAT(findings_of("\n5,u/step5\n5,v/step5"),
              testing::ElementsAre("mismatch: step 5 has two locations (lines 2 and 3): which is "
                                   "its state?"));
  EXPECT_THAT(findings_of("\n5,u/step5\n5,https://u//step5/"),
              testing::ElementsAre("warning: step 5 is listed twice (lines 2 and 3)"));
  EXPECT_THAT(findings_of("\n1,5,u/step5\n2,5,u/step5", true),
              testing::ElementsAre("mismatch: one location for ingredient 1, step 5 and ingredient "
                                   "2, step 5 (lines 2 and 3): u/step5"));
  EXPECT_TRUE(findings_of("\n1,5,u/step5\n2,5,v/step5", true).empty());
}

TEST(CheckpointList, FindsNamesThatSayAnotherStep) {
  EXPECT_THAT(findings_of("\n5,u/step6"),
              testing::ElementsAre("mismatch: line 2: step 5 lies in step6"));
  EXPECT_THAT(findings_of("\n5,u/soup"),
              testing::ElementsAre("note: line 2: the name soup says no step"));
}

TEST(CheckpointList, FindsGapsAndDisorder) {
  EXPECT_THAT(findings_of("\n150,u/step150\n1000,u/step1000\n2000,u/step2000\n3000,u/step3000\n"
                          "5000,u/step5000\n9000,u/step9000\n9100,u/step9100"),
              testing::ElementsAre("warning: 4 missing on the grid of 1000: 4000, 6000 to 8000",
                                   "note: 2 off the grid of 1000: 150, 9100"));
  EXPECT_THAT(findings_of("\n2,u/step2\n1,u/step1\n3,u/step3"),
              testing::ElementsAre("warning: step 1 stands behind step 2 (lines 2 and 3)"));
  EXPECT_THAT(
      findings_of("\n0,u/step0\n1,u/step1\n2,u/step2\n281474976710656,u/step281474976710656"),
      testing::ElementsAre(
          "warning: 281474976710653 missing on the grid of 1: 3 to 281474976710655"));
}

TEST(CheckpointList, BadListsAreRefusedWithTheirLine) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "l.csv:1: lists nothing"},
      {"Step,Checkpoint Directory\n", "l.csv:1: lists nothing"},
      {"Step,Directory\n1,a", "l.csv:1: is no heading"},
      {"Step,Checkpoint Directory\n1,a\n2", "l.csv:3: 1 fields, not 2"},
      {"Step,Checkpoint Directory\n1,a,b", "l.csv:2: 3 fields, not 2"},
      {"Step,Checkpoint Directory\n\n1,a", "l.csv:2: 1 fields"},
      {"Step,Checkpoint Directory\n-1,a", "l.csv:2: '-1' is no step"},
      {"Step,Checkpoint Directory\n1.5,a", "l.csv:2: '1.5' is no step"},
      {"Step,Checkpoint Directory\n1,", "l.csv:2: an empty field"},
      {"Step,Checkpoint Directory\n1,\"a", "l.csv:2: its quotes do not fit"},
      {"Step,Checkpoint Directory\n1,a\x1b[2J", "l.csv:2: control characters"},
      {"Step,Checkpoint Directory\n1," + std::string(5000, 'a'), "or a line too long"},
      {std::string((std::size_t{16} << 20) + 1, 'a'), "larger than 16 MiB"}};
  for (const auto& [text, message] : cases) {
    try {
      parse_checkpoint_list(text, "l.csv");
      ADD_FAILURE() << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid_argument);
      EXPECT_THAT(error.message(), HasSubstr(message));
    }
  }
}

}  // namespace
}  // namespace repro::verify
