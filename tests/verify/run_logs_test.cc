#include "verify/run_logs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "artifacts/base/error.h"
#include "logs/run_log.h"
#include "tests/support/corrupt.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"

namespace repro::verify_test {
namespace {

using verify::LogKind;
using verify::Severity;
using verify::Torn;

class Tails : public ::testing::Test {
 protected:
  Tails() : builder_(folder_ / "store") {
    RunPlan plan;
    plan.steps = 3;
    plan.tail_steps = 3;
    plan.status = manifests::RunStatus::running;
    built_ = builder_.add_run(plan);
  }

  // Worst severity of a tail that holds `text`; nullopt where nothing is found.
  std::optional<Severity> judge(std::string_view text, Torn torn = Torn::allowed) {
    const auto findings =
        verify::check_tail(text, {built_.log, built_.run.log.head}, torn, "log-tail.jsonl");
    std::optional<Severity> worst;
    for (const auto& finding : findings) {
      EXPECT_EQ(finding.path, "log-tail.jsonl");
      if (!worst || finding.severity > *worst) worst = finding.severity;
    }
    return worst;
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  BuiltRun built_;
};

TEST_F(Tails, ThatContinueThePublishedLinesAreSound) {
  EXPECT_EQ(judge(""), std::nullopt);
  EXPECT_EQ(judge(built_.tail), std::nullopt);
  EXPECT_EQ(judge(built_.tail, Torn::refused), std::nullopt);
}

TEST_F(Tails, CutAnywhereAreTornNotDamaged) {
  for (std::size_t size = 1; size < built_.tail.size(); ++size) {
    const std::string_view text = std::string_view(built_.tail).substr(0, size);
    if (text.back() == '\n') continue;
    EXPECT_EQ(judge(text), Severity::note) << size;
    EXPECT_EQ(judge(text, Torn::refused), Severity::corruption) << size;
  }
}

TEST_F(Tails, WithAnyBitFlippedAreDamaged) {
  for (std::size_t bit = 0; bit < built_.tail.size() * 8; ++bit) {
    std::string text = built_.tail;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(judge(text), Severity::corruption) << bit;
  }
}

TEST_F(Tails, ThatRepeatPublishedLinesAreNoted) {
  const std::string second = built_.log.substr(built_.log.find('\n') + 1);
  EXPECT_EQ(judge(built_.log), Severity::note);
  EXPECT_EQ(judge(second), Severity::note);
  EXPECT_EQ(judge(second + built_.tail), Severity::note);
  EXPECT_EQ(judge(second.substr(0, second.size() - 9)), Severity::note);
}

TEST_F(Tails, ThatRepeatPublishedLinesWithAFlippedBitAreDamaged) {
  const std::string stale = built_.log.substr(built_.log.find('\n') + 1);
  for (std::size_t bit = 0; bit < stale.size() * 8; bit += 5) {
    std::string text = stale;
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(judge(text), Severity::corruption) << bit;
  }
}

TEST_F(Tails, WithoutTheirFirstLineBreakTheChain) {
  EXPECT_EQ(judge(built_.tail.substr(built_.tail.find('\n') + 1)), Severity::corruption);
}

TEST_F(Tails, OfAnUnpublishedRunChainFromTheirOwnDerivation) {
  auto& store = builder_.store();
  store.remove_ref("runs", built_.run.id);
  const std::string path = store.run_folder(built_.run.id) + "/log-tail.jsonl";
  std::filesystem::remove(store.run_folder(built_.run.id) + "/telemetry-tail.jsonl");
  support::truncate_file(path, 0);
  support::append_to_file(path, built_.log);
  EXPECT_TRUE(verify::check_run_folder(store, built_.run.id).empty());
  for (std::uint64_t bit = 0; bit < support::bits_of_file(path); bit += 3) {
    support::flip_bit(path, bit);
    const auto findings = verify::check_run_folder(store, built_.run.id);
    support::flip_bit(path, bit);
    ASSERT_EQ(findings.size(), 1U) << bit;
    EXPECT_EQ(findings.front().severity, Severity::corruption) << bit;
  }
}

TEST_F(Tails, OfAFinishedRunMustBeWhole) {
  RunPlan plan;
  plan.nonce = "02";
  const BuiltRun run = builder_.add_run(plan);
  folder_.write("store/runs/" + run.run.id + "/log-tail.jsonl", "{\"batch\":");
  const auto findings = verify::check_run_folder(builder_.store(), run.run.id);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().severity, Severity::corruption);
}

TEST_F(Tails, SplitLogTellsTypeAndStep) {
  const auto lines = verify::split_log(built_.log);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].type, "segment");
  EXPECT_EQ(lines[0].step, 0);
  EXPECT_EQ(lines[3].type, "step");
  EXPECT_EQ(lines[3].step, 3);
  EXPECT_TRUE(verify::split_log("").empty());
}

TEST(WithoutChain, DropsOnlyTheChain) {
  EXPECT_EQ(verify::without_chain(R"({"a":1,"chain":"00","z":2})"), R"({"a":1,"z":2})");
  EXPECT_EQ(verify::without_chain(R"({"a":1,"chain":"00"})"), R"({"a":1})");
  EXPECT_EQ(verify::without_chain(R"({"chain":"00"})"), "{}");
  EXPECT_EQ(verify::without_chain(R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(verify::without_chain(R"({"chain":"00)"), R"({"chain":"00)");
}

TEST_F(Tails, PublishedLogMustReachTheStepOfTheRun) {
  manifests::Run run = built_.run;
  EXPECT_TRUE(verify::check_published(run, LogKind::log, built_.log, "x").empty());
  run.step = 9;
  const auto findings = verify::check_published(run, LogKind::log, built_.log, "x");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().severity, Severity::mismatch);
}

TEST_F(Tails, PublishedLogNamesEachSegmentOnce) {
  // A second line for the one segment, chained as a writer would.
  logs::Chain chain(built_.run.log.head);
  const auto& segment = built_.run.segments.front();
  const auto& state = built_.run.states.back();
  const std::string line = chain.append(
      logs::encode_segment({3, segment.derivation, state.model_root, state.state_root}));
  manifests::Run run = built_.run;
  run.log.pieces.push_back({sha256(line), static_cast<std::int64_t>(line.size()), 1});
  run.log.lines += 1;
  run.log.head = chain.head();
  const auto repeated = verify::check_published(run, LogKind::log, built_.log + line, "x");
  ASSERT_EQ(repeated.size(), 1U);
  EXPECT_NE(repeated.front().message.find("segment line at step 3"), std::string::npos);
  run = built_.run;
  run.segments.push_back(segment);
  run.segments.back().first_step = 2;
  const auto missing = verify::check_published(run, LogKind::log, built_.log, "x");
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_NE(missing.front().message.find("lacks"), std::string::npos);
}

TEST_F(Tails, StepSecondsAreTheMedianOfTelemetry) {
  EXPECT_EQ(verify::find_step_seconds(builder_.store(), built_.run), 0.5);
  manifests::Run run = built_.run;
  run.telemetry = {};
  EXPECT_EQ(verify::find_step_seconds(builder_.store(), run), std::nullopt);
}

TEST_F(Tails, ReadLogRefusesAPieceOfAnotherSize) {
  manifests::LogSummary summary = built_.run.log;
  EXPECT_EQ(verify::read_log(builder_.store(), summary), built_.log);
  summary.pieces.front().size += 1;
  try {
    verify::read_log(builder_.store(), summary);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::corruption);
  }
}

}  // namespace
}  // namespace repro::verify_test
