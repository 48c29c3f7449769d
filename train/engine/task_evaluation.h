// The tasks of eval.tasks, on which a model is evaluated while it is trained.
#pragma once

#include <cstdint>
#include <vector>

#include "artifacts/store/store.h"
#include "logs/run_log.h"
#include "manifests/config.h"
#include "manifests/dataset.h"
#include "train/engine/machine.h"
#include "train/eval/task_scorer.h"
#include "train/nn/parameters.h"

namespace repro::train {

class TaskEvaluation {
 public:
  // Reads and encodes the tasks, so that one that does not go with the data's tokenizer is said
  // before the first step. Errors of Store, manifests/task.h and TaskScorer.
  TaskEvaluation(const manifests::Config& config, const artifacts::Store& store,
                 const manifests::Dataset& dataset);

  bool empty() const { return tasks_.empty(); }
  // Of the weights after `step`, on the CPU: in exact the bits that any device must give.
  std::vector<logs::TaskEvent> run(const manifests::Config& config, const Machine& machine,
                                   const Parameters& parameters, std::int64_t step);

 private:
  std::vector<TaskScorer> tasks_;
};

}  // namespace repro::train
