#include "train/eval/task_scorer.h"

#include <vector>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

constexpr std::int64_t kBatch = 8;  // sequences at once, as `repro eval` takes them

ScoredTexts encode_task(const manifests::EvalTask& task, const Tokenizer& tokenizer,
                        const TokenLimits& limits) {
  std::vector<manifests::ModelText> texts;
  for (const manifests::EvalItem& item : task.items) {
    for (const manifests::EvalText& choice : item.choices) {
      texts.push_back({choice.text, {}, false, choice.context});
    }
  }
  try {
    return {texts, tokenizer, limits};
  } catch (Error& error) {
    error.context("task " + task.name);
    throw;
  }
}

}  // namespace

TaskScorer::TaskScorer(const manifests::EvalTask& task, const Tokenizer& tokenizer,
                       const TokenLimits& limits)
    : name_(task.name),
      empty_(manifests::begin_evaluation(task)),
      texts_(encode_task(task, tokenizer, limits)) {}

manifests::Evaluation TaskScorer::score(LanguageModel& model, const RowKernels& rows,
                                        const std::function<void()>& poll) {
  manifests::Evaluation evaluation = empty_;
  std::vector<manifests::TextScore*> places;
  for (manifests::ItemScore& item : evaluation.items) {
    for (manifests::TextScore& score : item.scores) places.push_back(&score);
  }
  const auto take = [&](const ScoredText& scored) {
    const auto text = texts_.take(scored);
    if (!text) return;
    manifests::TextScore& score = *places.at(text->text);
    score.units = text->units;
    score.tokens = text->tokens;
    score.dropped = text->dropped;
  };
  train::score(model, rows, texts_.sequences(), kBatch, take, poll);
  texts_.rewind();
  return evaluation;
}

}  // namespace repro::train
