// Log-likelihood of texts under a language model.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "train/eval/generate.h"

namespace repro::train {

struct ScoredText {
  std::vector<float> log_probabilities;  // of tokens 1, 2, ...; nothing predicts the first
  std::int64_t units = 0;                // sum of rne(log_probability * 2^30); no order
};

// A sequence of which the tokens from `first` on are scored.
struct ScoredPiece {
  TokenIds tokens;
  std::size_t first = 1;
};
// `continuation` behind `context`, as sequences of at most `max_length` (>= 2) tokens, among which
// each token of the continuation is scored once, but for one that nothing stands before. One
// sequence, if need be without the oldest tokens of the context (as OLMo's evaluator does); where
// the continuation alone is longer, sequences of which each begins with the last token of the one
// before. `dropped`: tokens of the context that are in none.
struct ScoredPieces {
  std::vector<ScoredPiece> pieces;
  std::size_t dropped = 0;
};
ScoredPieces cut_continuation(const TokenIds& context, const TokenIds& continuation,
                              std::int64_t max_length);

// Error(invalid_argument) for a text of fewer than 2 tokens or more than there are positions, or
// with an id outside the vocabulary.
void check_texts(const TokenLimits& limits, std::span<const TokenIds> texts);

// Scores texts of 2..max_length() tokens, up to `batch` at once, and hands them out in order.
// `poll` as in `generate`. Errors of `check_texts`, before any work.
void score(LanguageModel& model, const RowKernels& rows, std::span<const TokenIds> texts,
           std::int64_t batch, const std::function<void(const ScoredText&)>& give,
           const std::function<void()>& poll);

}  // namespace repro::train
