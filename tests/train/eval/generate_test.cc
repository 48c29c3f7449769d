// Generation and scoring: one answer whatever the batch, and every answer in its place.
#include "train/eval/generate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/eval/tiny_model.h"
#include "train/eval/score.h"

namespace repro::train {
namespace {

using support::tiny_config;
using support::TinyModel;

constexpr std::int64_t kPositions = 300;

void no_poll() {}

std::vector<GeneratedSequence> run(TinyModel& model, const GenerationRequest& request) {
  std::vector<GeneratedSequence> all;
  generate(
      *model.decoder, *model.path.rows, request,
      [&](const GeneratedSequence& sequence) { all.push_back(sequence); }, no_poll);
  return all;
}

void expect_same(const GeneratedSequence& a, const GeneratedSequence& b) {
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.log_probabilities, b.log_probabilities);
  EXPECT_EQ(a.stop, b.stop);
}

TokenIds counting(std::size_t count) {
  TokenIds tokens;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back(static_cast<std::uint32_t>(i * 7 % 41));
  return tokens;
}

GenerationRequest three_prompts() {
  GenerationRequest request;
  request.prompts = {{1, 2, 3}, counting(280), {5}};  // the second takes two chunks of prefill
  request.samples = 3;
  request.max_tokens = 12;
  request.seed = 9;
  request.end = 7;
  return request;
}

class Generate : public testing::Test {
 protected:
  Generate() : model_(tiny_config(4, 2, kPositions), "auto", 2) {}
  TinyModel model_;
};

TEST_F(Generate, BatchesAndLaterPromptsChangeNothing) {
  GenerationRequest request = three_prompts();
  request.batch = 1;
  const auto alone = run(model_, request);
  ASSERT_EQ(alone.size(), 9U);
  for (const std::int64_t batch : {2, 4, 100}) {
    request.batch = batch;
    const auto together = run(model_, request);
    ASSERT_EQ(together.size(), 9U);
    for (std::size_t i = 0; i < 9; ++i) {
      SCOPED_TRACE("sequence " + std::to_string(i) + ", batch " + std::to_string(batch));
      EXPECT_EQ(together[i].prompt, static_cast<std::int64_t>(i / 3));
      EXPECT_EQ(together[i].sample, static_cast<std::int64_t>(i % 3));
      expect_same(together[i], alone[i]);
    }
  }
  request.prompts.resize(1);
  const auto first = run(model_, request);
  for (std::size_t i = 0; i < 3; ++i) expect_same(first.at(i), alone[i]);
}

TEST_F(Generate, SamplesAndSeedsDiffer) {
  GenerationRequest request;
  request.prompts = {{1}};
  request.samples = 2;
  const auto all = run(model_, request);
  EXPECT_NE(all[0].tokens, all[1].tokens);
  request.seed = 1;
  EXPECT_NE(run(model_, request)[0].tokens, all[0].tokens);
}

TEST_F(Generate, ASequenceSaysWhyItStops) {
  GenerationRequest request;
  request.prompts = {{1, 2}};
  request.max_tokens = 5;
  auto all = run(model_, request);
  EXPECT_EQ(all[0].stop, StopReason::max_tokens);
  EXPECT_EQ(all[0].tokens.size(), 5U);
  const TokenIds tokens = all[0].tokens;
  request.end = tokens[2];
  all = run(model_, request);
  EXPECT_EQ(all[0].stop, StopReason::end_token);
  EXPECT_EQ(all[0].tokens.back(), tokens[2]);
  EXPECT_LE(all[0].tokens.size(), 3U);
  request.end.reset();
  request.prompts = {counting(kPositions - 2)};
  all = run(model_, request);
  EXPECT_EQ(all[0].stop, StopReason::positions);
  EXPECT_EQ(all[0].tokens.size(), 2U);
}

TEST_F(Generate, WhatIsDrawnIsScoredAsItWasDrawn) {
  const GenerationRequest request = three_prompts();
  const auto all = run(model_, request);
  std::vector<TokenIds> texts;
  for (const GeneratedSequence& sequence : all) {
    texts.push_back(request.prompts[static_cast<std::size_t>(sequence.prompt)]);
    texts.back().insert(texts.back().end(), sequence.tokens.begin(), sequence.tokens.end());
  }
  for (const std::int64_t batch : {1, 4}) {
    std::size_t number = 0;
    score(
        *model_.decoder, *model_.path.rows, texts, batch,
        [&](const ScoredText& scored) {
          const auto& drawn = all.at(number++).log_probabilities;
          const std::vector<float> tail(
              scored.log_probabilities.end() - static_cast<std::ptrdiff_t>(drawn.size()),
              scored.log_probabilities.end());
          EXPECT_EQ(tail, drawn) << "sequence " << number << ", batch " << batch;
        },
        no_poll);
    EXPECT_EQ(number, texts.size());
  }
}

TEST_F(Generate, APollThatThrowsEndsIt) {
  const GenerationRequest request = three_prompts();
  int calls = 0;
  const auto poll = [&] {
    if (++calls == 4) throw Error(Code::cancelled, "enough");
  };
  EXPECT_THROW(
      generate(
          *model_.decoder, *model_.path.rows, request, [](const GeneratedSequence&) {}, poll),
      Error);
  EXPECT_EQ(calls, 4);
}

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == Code::invalid_argument ? error.what() : "another code";
  }
  return "nothing was refused";
}

TEST(Requests, PromptsThatCannotBeContinuedAreRefused) {
  const TokenLimits limits{41, 300};
  GenerationRequest request;
  const auto refused = [&](std::vector<TokenIds> prompts) {
    request.prompts = std::move(prompts);
    return refusal([&] { check_generation(limits, request); });
  };
  EXPECT_EQ(refused({}), "there is no prompt");
  EXPECT_EQ(refused({{1}, {}}), "prompt 2 is empty");
  EXPECT_EQ(refused({{1, 41}}), "prompt 1 has the id 41, but the model's vocabulary has 41 ids");
  EXPECT_EQ(refused({counting(301)}), "prompt 1 has 301 tokens, the model has 300 positions");
  EXPECT_EQ(refused({counting(300)}),
            "prompt 1 has 300 tokens, which leaves none of the model's 300 positions");
  EXPECT_EQ(refused({counting(299)}), "nothing was refused");
  request.batch = 0;
  EXPECT_EQ(refused({{1}}), "samples, max-tokens and batch must be at least 1");
}

TEST(Requests, TextsThatCannotBeScoredAreRefused) {
  const auto refused = [](const std::vector<TokenIds>& texts) {
    return refusal([&] { check_texts({41, 300}, texts); });
  };
  EXPECT_EQ(refused({{1, 2}, {}}), "text 2 is empty");
  EXPECT_EQ(refused({{1}}), "text 1 has one token only");
  EXPECT_EQ(refused({{41, 1}}), "text 1 has the id 41, but the model's vocabulary has 41 ids");
  EXPECT_EQ(refused({counting(301)}), "text 1 has 301 tokens, the model has 300 positions");
  EXPECT_EQ(refused({counting(300)}), "nothing was refused");
}

}  // namespace
}  // namespace repro::train
