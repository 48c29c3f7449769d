#include "train/engine/task_evaluation.h"

#include <memory>
#include <string>

#include "artifacts/base/error.h"
#include "train/data/stored_tokenizer.h"
#include "train/engine/backends.h"

namespace repro::train {
namespace {

logs::TaskEvent event_of(const manifests::Evaluation& evaluation, const std::string& name,
                         std::int64_t step) {
  const manifests::Measures sums = manifests::measure(evaluation);
  logs::TaskEvent event;
  event.step = step;
  event.name = name;
  event.task = evaluation.task;
  event.texts = evaluation.kind == manifests::TaskKind::texts;
  event.items = sums.items;
  event.dropped = sums.dropped;
  event.units = sums.units;
  event.tokens = sums.tokens;
  event.bytes = sums.bytes;
  if (event.texts) return event;
  event.correct = sums.correct;
  event.correct_per_byte = sums.correct_per_byte;
  event.ties = sums.ties;
  return event;
}

}  // namespace

TaskEvaluation::TaskEvaluation(const manifests::Config& config, const artifacts::Store& store,
                               const manifests::Dataset& dataset) {
  const auto stored = manifests::stored_tasks(config.eval.tasks, "config of the run");
  if (stored.empty()) return;
  if (config.profile == "native" && config.run.device != "cpu") {
    throw Error(Code::unsupported,
                "tasks are scored on the CPU, and a native run on " + config.run.device +
                    " does not say on which",
                "leave eval.tasks out and use `repro eval` later, or train with --profile exact");
  }
  const auto tokenizer = open_tokenizer(store, dataset);
  for (const manifests::StoredTask& task : stored) {
    const std::string file = store.get(task.digest, manifests::kMaxTaskBytes);
    manifests::EvalTask parsed = manifests::parse_eval_task(file, task.name);
    parsed.name = task.name;
    tasks_.emplace_back(parsed, *tokenizer,
                        TokenLimits{config.model.vocab_size, config.data.sequence_length});
  }
}

std::vector<logs::TaskEvent> TaskEvaluation::run(const manifests::Config& config,
                                                 const Machine& machine,
                                                 const Parameters& parameters, std::int64_t step,
                                                 const std::function<void()>& poll) {
  std::vector<logs::TaskEvent> events;
  if (tasks_.empty()) return events;
  const KernelPath path = choose_exact_path(machine.kernels);
  const std::unique_ptr<LanguageModel> model =
      make_decoder(config, path, *machine.parallel, parameters);
  for (TaskScorer& task : tasks_) {
    events.push_back(event_of(task.score(*model, *path.rows, poll), task.name(), step));
  }
  return events;
}

}  // namespace repro::train
