// Scoring models on tasks: what `repro eval` does, and a pipeline behind its last stage.
#pragma once

#include <string>
#include <vector>

#include "artifacts/base/digest.h"
#include "cli/context.h"
#include "cli/eval_task.h"
#include "cli/io.h"
#include "manifests/config.h"
#include "manifests/evaluation.h"

namespace repro::cli {

struct EvalSettings {
  // In exact they change no bit of a result.
  manifests::RunConfig running;  // threads, kernels
  std::int64_t batch = 8;        // sequences at once
  std::string profile;           // "exact", "native"; "": that of each run, of a model exact
};

struct EvalResult {
  std::string model;  // as it was asked
  std::string task;   // its name
  manifests::Evaluation evaluation;
  Digest record;  // the object that holds it
};

// Each of `models` (RUN, RUN@STEP, state, model) on each of `tasks`, in the order of models, then
// tasks. All models are found before the first is loaded. Records are put into the store; events
// `eval_result` tell them. Errors of make_inference_spec and the worker.
std::vector<EvalResult> evaluate(Context& context, const std::vector<std::string>& models,
                                 const std::vector<manifests::EvalTask>& tasks,
                                 const EvalSettings& settings);

// A row for each figure of each task, a column for each model.
void print_evaluations(Io& io, const std::vector<EvalResult>& results);

}  // namespace repro::cli
