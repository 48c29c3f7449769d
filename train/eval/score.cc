#include "train/eval/score.h"

#include <algorithm>
#include <string>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

// A group of texts side by side, a chunk of each at a time.
std::vector<ScoredText> score_together(LanguageModel& model, const RowKernels& rows,
                                       std::span<const TokenIds> texts,
                                       const std::function<void()>& poll) {
  std::vector<ScoredText> scored(texts.size());
  std::vector<std::int64_t> handles;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t seen = texts[i].size() - 1;  // the last token predicts nothing
    handles.push_back(model.open(static_cast<std::int64_t>(seen)));
    scored[i].log_probabilities.resize(seen);
    longest = std::max(longest, seen);
  }
  for (std::size_t begin = 0; begin < longest; begin += kPrefillChunk) {
    poll();
    std::vector<LanguageModel::Extension> batch;
    std::vector<std::size_t> whose;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::size_t seen = texts[i].size() - 1;
      if (begin >= seen) continue;
      const std::size_t count = std::min<std::size_t>(kPrefillChunk, seen - begin);
      batch.push_back(
          {handles[i], std::span(texts[i]).subspan(begin, count), LanguageModel::LogitsOf::all});
      whose.push_back(i);
    }
    model.extend(batch, [&](std::size_t item, std::int64_t position, std::span<float> logits) {
      const std::size_t i = whose[item];
      const auto at = static_cast<std::size_t>(position);
      scored[i].log_probabilities[at] = log_probability(rows, logits, texts[i][at + 1]);
    });
  }
  for (const std::int64_t handle : handles) model.close(handle);
  return scored;
}

}  // namespace

ScoredPieces cut_continuation(const TokenIds& context, const TokenIds& continuation,
                              std::int64_t max_length) {
  REPRO_CHECK(max_length >= 2);
  const auto longest = static_cast<std::size_t>(max_length);
  TokenIds all = context;
  all.insert(all.end(), continuation.begin(), continuation.end());
  const std::size_t first = std::max<std::size_t>(context.size(), 1);
  const auto piece = [&](std::size_t begin, std::size_t end, std::size_t scored) {
    return ScoredPiece{TokenIds(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                all.begin() + static_cast<std::ptrdiff_t>(end)),
                       scored - begin};
  };
  const std::size_t begin = all.size() - std::min(all.size(), longest);
  if (begin < first) return {{piece(begin, all.size(), first)}, begin};
  ScoredPieces cut{{}, first - 1};
  for (std::size_t next = first; next < all.size();) {
    const std::size_t end = std::min(all.size(), next - 1 + longest);
    cut.pieces.push_back(piece(next - 1, end, next));
    next = end;
  }
  return cut;
}

void check_texts(const TokenLimits& limits, std::span<const TokenIds> texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string what = "text " + std::to_string(i + 1);
    check_tokens(limits, texts[i], what);
    if (texts[i].size() > 1) continue;
    throw Error(Code::invalid_argument, what + " has one token only",
                "a token is scored by what stands before it, so a text needs two");
  }
}

void score(LanguageModel& model, const RowKernels& rows, std::span<const TokenIds> texts,
           std::int64_t batch, const std::function<void(const ScoredText&)>& give,
           const std::function<void()>& poll) {
  REPRO_CHECK(batch >= 1);
  check_texts(limits_of(model), texts);
  while (!texts.empty()) {
    const std::size_t count = std::min(texts.size(), static_cast<std::size_t>(batch));
    for (ScoredText& text : score_together(model, rows, texts.first(count), poll)) {
      text.units = sum_of_units(text.log_probabilities);
      give(text);
    }
    texts = texts.subspan(count);
  }
}

}  // namespace repro::train
