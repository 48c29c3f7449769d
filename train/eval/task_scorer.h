// A task scored again and again while a model is trained (eval.tasks). What comes out is what
// `repro eval` finds for the state (docs/eval.md).
#pragma once

#include <functional>
#include <string>

#include "manifests/task.h"
#include "train/eval/scored_texts.h"

namespace repro::train {

class TaskScorer {
 public:
  // Encodes the task's texts. Errors of ScoredTexts, with the task's name.
  TaskScorer(const manifests::EvalTask& task, const Tokenizer& tokenizer,
             const TokenLimits& limits);

  const std::string& name() const { return name_; }
  // Of all items. `poll` as in train::score; after it threw, the scorer is of no more use.
  manifests::Evaluation score(LanguageModel& model, const RowKernels& rows,
                              const std::function<void()>& poll);

 private:
  std::string name_;
  manifests::Evaluation empty_;
  ScoredTexts texts_;  // all choices of the first item, then those of the next, ...
};

}  // namespace repro::train
