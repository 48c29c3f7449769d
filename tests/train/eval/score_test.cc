// Continuations behind contexts, cut to what a model can take.
#include "train/eval/score.h"

#include <gtest/gtest.h>

#include "tests/train/eval/tiny_model.h"

namespace repro::train {
namespace {

// "0 1 [2 3]": the tokens of a piece, those that are scored in brackets.
std::string text_of(const ScoredPieces& cut) {
  std::string text;
  for (const ScoredPiece& piece : cut.pieces) {
    if (!text.empty()) text += " | ";
    for (std::size_t i = 0; i < piece.tokens.size(); ++i) {
      if (i > 0) text += ' ';
      if (i == piece.first) text += '[';
      text += std::to_string(piece.tokens[i]);
    }
    text += ']';
  }
  return text + (cut.dropped > 0 ? " -" + std::to_string(cut.dropped) : "");
}

TEST(CutContinuation, ScoresEveryTokenOfTheContinuationOnce) {
  EXPECT_EQ(text_of(cut_continuation({1, 2}, {3, 4}, 4)), "1 2 [3 4]");
  EXPECT_EQ(text_of(cut_continuation({1, 2}, {3}, 9)), "1 2 [3]");
  EXPECT_EQ(text_of(cut_continuation({9}, {1, 2}, 9)), "9 [1 2]");
  EXPECT_EQ(text_of(cut_continuation({}, {1, 2, 3}, 9)), "1 [2 3]");
}

TEST(CutContinuation, LeavesOutTheOldestContext) {
  EXPECT_EQ(text_of(cut_continuation({1, 2, 3}, {4, 5}, 4)), "2 3 [4 5] -1");
  EXPECT_EQ(text_of(cut_continuation({1, 2, 3}, {4, 5}, 3)), "3 [4 5] -2");
}

TEST(CutContinuation, ALongContinuationIsSeveralSequences) {
  EXPECT_EQ(text_of(cut_continuation({1, 2}, {3, 4, 5, 6, 7}, 3)), "2 [3 4] | 4 [5 6] | 6 [7] -1");
  EXPECT_EQ(text_of(cut_continuation({1}, {2, 3, 4}, 2)), "1 [2] | 2 [3] | 3 [4]");
  EXPECT_EQ(text_of(cut_continuation({}, {1, 2, 3, 4}, 3)), "1 [2 3] | 3 [4]");
  EXPECT_EQ(text_of(cut_continuation({1}, {2, 3, 4}, 4)), "1 [2 3 4]");
}

// The definition: what a continuation adds to the log-likelihood of its context, in exact units.
TEST(CutContinuation, ScoresWhatTheWholeHasMoreThanTheContext) {
  support::TinyModel model(support::tiny_config(4, 2, 40), "auto", 2);
  const TokenIds context = {3, 7, 10, 12};
  const TokenIds continuation = {12, 11, 33};
  TokenIds whole = context;
  whole.insert(whole.end(), continuation.begin(), continuation.end());
  std::vector<ScoredText> scored;
  score(
      *model.decoder, *model.path.rows, std::vector<TokenIds>{context, whole}, 2,
      [&](const ScoredText& text) { scored.push_back(text); }, [] {});
  const ScoredPieces cut = cut_continuation(context, continuation, 40);
  ASSERT_EQ(cut.pieces.size(), 1U);
  std::int64_t units = 0;
  for (std::size_t i = cut.pieces[0].first - 1; i < scored[1].log_probabilities.size(); ++i) {
    units += log_probability_units(scored[1].log_probabilities[i]);
  }
  EXPECT_EQ(units, scored[1].units - scored[0].units);
}

}  // namespace
}  // namespace repro::train
