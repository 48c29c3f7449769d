#include "train/eval/scored_texts.h"

#include <utility>

#include "artifacts/base/error.h"
#include "train/eval/sampling.h"

namespace repro::train {
namespace {

TokenIds encode_bytes(const Tokenizer& tokenizer, const std::string& bytes) {
  TokenIds ids;
  tokenizer.encode(bytes, [&](std::span<const std::uint32_t> piece) {
    ids.insert(ids.end(), piece.begin(), piece.end());
  });
  return ids;
}

// What stands before a text that begins like a document, or behind a context.
TokenIds encode_context(const Tokenizer& tokenizer, const std::string& context) {
  if (!context.empty()) return encode_bytes(tokenizer, context);
  const auto end = tokenizer.end_of_text();
  return end ? TokenIds{*end} : TokenIds{};
}

}  // namespace

TokenIds encode_text(const Tokenizer& tokenizer, const manifests::ModelText& text) {
  return text.as_ids ? text.ids : encode_bytes(tokenizer, text.bytes);
}

ScoredTexts::ScoredTexts(std::span<const manifests::ModelText> wanted, const Tokenizer& tokenizer,
                         const TokenLimits& limits) {
  for (const manifests::ModelText& text : wanted) {
    const TokenIds ids = encode_text(tokenizer, text);
    if (!text.context) {
      add({{{ids, 1}}, 0});
      continue;
    }
    add(cut_continuation(encode_context(tokenizer, *text.context), ids, limits.max_length));
  }
  check_texts(limits, sequences_);
}

void ScoredTexts::add(ScoredPieces cut) {
  for (ScoredPiece& piece : cut.pieces) {
    places_.push_back({num_texts_, piece.first, cut.dropped});
    sequences_.push_back(std::move(piece.tokens));
  }
  ++num_texts_;
}

std::optional<ScoredTexts::Result> ScoredTexts::take(const ScoredText& scored) {
  REPRO_CHECK(next_ < places_.size());
  const std::size_t sequence = next_++;
  const Place& place = places_[sequence];
  const auto counted = std::span(scored.log_probabilities).subspan(place.first - 1);
  units_ += sum_of_units(counted);
  tokens_ += static_cast<std::int64_t>(counted.size());
  if (next_ < places_.size() && places_[next_].text == place.text) return std::nullopt;
  return Result{place.text, sequence, std::exchange(units_, 0), std::exchange(tokens_, 0),
                static_cast<std::int64_t>(place.dropped)};
}

void ScoredTexts::rewind() {
  REPRO_CHECK(next_ == places_.size());
  next_ = 0;
}

}  // namespace repro::train
