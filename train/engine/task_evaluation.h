// The tasks of eval.tasks, on which a model is evaluated while it is trained.
#pragma once

#include <cstdint>
#include <functional>
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
  // Reads and encodes the tasks. Errors of Store, manifests/task.h and TaskScorer, and
  // Error(unsupported) for native on a GPU, whose environment says nothing of the CPU.
  TaskEvaluation(const manifests::Config& config, const artifacts::Store& store,
                 const manifests::Dataset& dataset);

  bool empty() const { return tasks_.empty(); }
  // Of the weights after `step`, on the CPU: in exact the bits that any device must give. `poll` is
  // called often and may throw.
  std::vector<logs::TaskEvent> run(const manifests::Config& config, const Machine& machine,
                                   const Parameters& parameters, std::int64_t step,
                                   const std::function<void()>& poll);

 private:
  std::vector<TaskScorer> tasks_;
};

}  // namespace repro::train
