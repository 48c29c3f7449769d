#include "verify/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "artifacts/base/error.h"
#include "logs/run_log.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"

namespace repro::verify_test {
namespace {

class Replay : public ::testing::Test {
 protected:
  Replay() : builder_(folder_ / "store") {
    RunPlan plan;
    plan.steps = 9;
    plan.checkpoint_every = 4;
    built_ = builder_.add_run(plan);
    plan.nonce = "01";
    plan.differs_from = 6;
    other_ = builder_.add_run(plan);
  }

  // Lines `from` to `to` (from 0; line 0 is the segment) as a worker would give them.
  static std::vector<std::string> lines(const BuiltRun& run, std::size_t from, std::size_t to) {
    std::vector<std::string> texts;
    const auto all = verify::split_log(run.log);
    for (std::size_t i = from; i <= to; ++i) texts.emplace_back(all[i].text);
    return texts;
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  BuiltRun built_;
  BuiltRun other_;
};

TEST_F(Replay, StartsAtTheNearestStoredState) {
  const auto plan = verify::plan_replay(built_.run, 6, 7);
  EXPECT_EQ(plan.start, 4);
  EXPECT_TRUE(plan.from_stored);
  EXPECT_EQ(plan.updates(), 3);
  const auto whole = verify::plan_replay(built_.run);
  EXPECT_EQ(whole.start, 0);
  EXPECT_FALSE(whole.from_stored);
  EXPECT_EQ(whole.updates(), 9);
  EXPECT_EQ(verify::plan_replay(built_.run, 5, 5).start, 4);
  EXPECT_EQ(verify::plan_replay(built_.run, 4, 4).start, 0);
}

TEST_F(Replay, RefusesStepsThatTheRunHasNot) {
  for (const auto& [first, last] : {std::pair{0, 3}, {1, 10}, {5, 4}, {-1, 2}}) {
    try {
      verify::plan_replay(built_.run, first, last);
      ADD_FAILURE() << first << ".." << last;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid_argument);
      EXPECT_NE(error.message().find("1..9"), std::string::npos);
    }
  }
}

TEST_F(Replay, OfEqualLinesIsIdentical) {
  const auto verdict =
      verify::compare_replay(built_.log, verify::plan_replay(built_.run), lines(built_, 0, 9));
  EXPECT_TRUE(verdict.identical) << verdict.reason;
  EXPECT_EQ(verdict.num_lines, 10);
}

TEST_F(Replay, OfAWindowMayBeginEarlierButMustReachItsEnd) {
  const auto plan = verify::plan_replay(built_.run, 6, 7);
  EXPECT_TRUE(verify::compare_replay(built_.log, plan, lines(built_, 5, 7)).identical);
  EXPECT_TRUE(verify::compare_replay(built_.log, plan, lines(built_, 6, 7)).identical);
  const auto late = verify::compare_replay(built_.log, plan, lines(built_, 7, 7));
  EXPECT_FALSE(late.identical);
  EXPECT_EQ(late.step, 6);
  const auto short_one = verify::compare_replay(built_.log, plan, lines(built_, 6, 6));
  EXPECT_FALSE(short_one.identical);
  EXPECT_EQ(short_one.step, 7);
  EXPECT_FALSE(verify::compare_replay(built_.log, plan, {}).identical);
}

TEST_F(Replay, NamesTheFirstStepAndFieldsThatDiffer) {
  const auto verdict =
      verify::compare_replay(built_.log, verify::plan_replay(built_.run), lines(other_, 0, 9));
  EXPECT_FALSE(verdict.identical);
  EXPECT_EQ(verdict.step, 6);
  EXPECT_EQ(verdict.num_lines, 6);
  EXPECT_EQ(verdict.line_number, 7);
  EXPECT_EQ(verdict.fields, (std::vector<std::string>{"model", "state"}));
  EXPECT_NE(verdict.logged, verdict.replayed);
}

TEST_F(Replay, TellsABrokenHistoryFromADifferentStep) {
  auto texts = lines(built_, 6, 7);
  texts[1].replace(texts[1].find("\"chain\":\"") + 9, 4, "zzzz");
  const auto verdict =
      verify::compare_replay(built_.log, verify::plan_replay(built_.run, 6, 7), texts);
  EXPECT_EQ(verdict.fields, std::vector<std::string>{"chain"});
  EXPECT_EQ(verdict.step, 7);
}

TEST_F(Replay, OfAnotherLineThanTheLoggedOneSaysWhich) {
  auto texts = lines(built_, 6, 7);
  std::swap(texts[0], texts[1]);
  texts.insert(texts.begin(), lines(built_, 5, 5).front());
  const auto verdict =
      verify::compare_replay(built_.log, verify::plan_replay(built_.run, 6, 7), texts);
  EXPECT_EQ(verdict.fields, std::vector<std::string>{"line"});
  EXPECT_NE(verdict.reason.find("the step line of step 7 where"), std::string::npos)
      << verdict.reason;
}

TEST_F(Replay, OfGarbageIsADifferenceNotACrash) {
  for (const std::string text : {"", "{}", "garbage", R"({"step":6,"type":"step"})", "[1]"}) {
    EXPECT_FALSE(
        verify::compare_replay(built_.log, verify::plan_replay(built_.run, 6, 6), {text}).identical)
        << text;
  }
}

TEST_F(Replay, ThatGoesOnPastTheLogIsADifference) {
  auto texts = lines(built_, 9, 9);
  texts.push_back(texts.front());
  const auto verdict =
      verify::compare_replay(built_.log, verify::plan_replay(built_.run, 9, 9), texts);
  EXPECT_FALSE(verdict.identical);
  EXPECT_NE(verdict.reason.find("log ends"), std::string::npos);
}

TEST_F(Replay, AnEvaluationAtTheLastStepBelongsToIt) {
  const std::string log = std::string(R"({"step":1,"type":"step"})") + "\n" +
                          R"({"loss":1,"step":1,"type":"eval"})" + "\n" +
                          R"({"step":1,"type":"segment"})" + "\n";
  const verify::ReplayPlan plan{1, 1, 0, false};
  const auto all = verify::split_log(log);
  const auto missing = verify::compare_replay(log, plan, {std::string(all[0].text)});
  EXPECT_FALSE(missing.identical);
  EXPECT_NE(missing.reason.find("eval"), std::string::npos);
  EXPECT_TRUE(
      verify::compare_replay(log, plan, {std::string(all[0].text), std::string(all[1].text)})
          .identical);
}

TEST_F(Replay, SamplesAreDistinctSortedAndDecidedBySeed) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto steps = verify::sample_steps(built_.run, 4, seed);
    ASSERT_EQ(steps.size(), 4U);
    EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
    EXPECT_EQ(std::set<std::int64_t>(steps.begin(), steps.end()).size(), 4U);
    EXPECT_GE(steps.front(), 1);
    EXPECT_LE(steps.back(), 9);
    EXPECT_EQ(steps, verify::sample_steps(built_.run, 4, seed));
  }
  EXPECT_EQ(verify::sample_steps(built_.run, 99, 1).size(), 9U);
  EXPECT_EQ(verify::sample_steps(built_.run, 3, 42), verify::sample_steps(built_.run, 3, 42));
  EXPECT_THROW(verify::sample_steps(built_.run, 0, 1), Error);
  EXPECT_NE(verify::fresh_seed(), verify::fresh_seed());
}

TEST_F(Replay, EveryStepIsSampledAboutEquallyOften) {
  std::map<std::int64_t, int> counts;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    for (const auto step : verify::sample_steps(built_.run, 3, seed)) ++counts[step];
  }
  ASSERT_EQ(counts.size(), 9U);
  for (const auto& [step, count] : counts) EXPECT_NEAR(count, 1000, 150) << step;
}

TEST_F(Replay, SamplesFromOneStateShareAnExecution) {
  const auto plans = verify::plan_samples(built_.run, {2, 4, 6, 7, 9});
  ASSERT_EQ(plans.size(), 3U);
  EXPECT_EQ(plans[0].first, 2);
  EXPECT_EQ(plans[0].last, 4);
  EXPECT_EQ(plans[1].start, 4);
  EXPECT_EQ(plans[1].last, 7);
  EXPECT_EQ(plans[2].start, 8);
}

}  // namespace
}  // namespace repro::verify_test
