// Texts to score, as the sequences of tokens that a model can take, and their scores as texts
// again.
//
//   ScoredTexts texts(wanted, tokenizer, limits);
//   score(model, rows, texts.sequences(), batch, [&](const ScoredText& scored) {
//     if (const auto text = texts.take(scored)) ...
//   }, poll);
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "manifests/inference.h"
#include "train/eval/score.h"
#include "train/tokenizer/tokenizer.h"

namespace repro::train {

// The ids of a text as it is.
TokenIds encode_text(const Tokenizer& tokenizer, const manifests::ModelText& text);

class ScoredTexts {
 public:
  // Error(invalid_argument) naming the text, as `check_texts`; Error(unsupported) where the
  // tokenizer takes no text.
  ScoredTexts(std::span<const manifests::ModelText> wanted, const Tokenizer& tokenizer,
              const TokenLimits& limits);

  // In the order in which they are to be scored.
  std::span<const TokenIds> sequences() const { return sequences_; }

  struct Result {
    std::size_t text = 0;      // number
    std::size_t sequence = 0;  // its last
    std::int64_t units = 0;    // log-likelihood of what is scored of it
    std::int64_t tokens = 0;   // so many
    std::int64_t dropped = 0;  // tokens of the context without a position
  };
  // Takes the score of the next sequence; the text whose last it is.
  std::optional<Result> take(const ScoredText& scored);
  // All sequences were taken: the next one is the first again.
  void rewind();

 private:
  struct Place {
    std::size_t text = 0;
    std::size_t first = 1;  // token that is counted
    std::size_t dropped = 0;
  };

  void add(ScoredPieces cut);

  std::vector<TokenIds> sequences_;
  std::vector<Place> places_;  // of each sequence
  std::size_t num_texts_ = 0;
  std::size_t next_ = 0;
  std::int64_t units_ = 0;  // of the text whose last sequence has not come
  std::int64_t tokens_ = 0;
};

}  // namespace repro::train
