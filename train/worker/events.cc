#include "train/worker/events.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "artifacts/base/number_text.h"
#include "manifests/evaluation.h"

namespace repro::train {

void emit(const Json& event) {
  // Replacement of bad UTF-8: a path in a message may be any bytes.
  const std::string line = event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

bool reader_left() { return std::ferror(stdout) != 0; }

Json step_event(const logs::StepEvent& step, double seconds) {
  Json event = {{"type", "step"},
                {"step", step.step},
                {"loss", logs::mean_loss(step.loss_sum, step.tokens)},
                {"grad_norm", step.grad_norm},
                {"learning_rate", step.learning_rate},
                {"tokens_per_second", static_cast<double>(step.tokens) / seconds},
                {"seconds", seconds}};
  if (step.skipped) event["skipped"] = true;
  return event;
}

namespace {

double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

Json eval_event(const logs::EvalEvent& eval) {
  return {{"type", "eval"},
          {"step", eval.step},
          {"loss", logs::mean_loss(eval.loss_sum, eval.tokens)},
          {"accuracy", share(eval.correct, eval.tokens)},
          {"tokens", eval.tokens}};
}

Json task_event(const logs::TaskEvent& task) {
  const auto of_choices = [&](Json value) { return task.texts ? Json() : std::move(value); };
  return {{"type", "task"},
          {"step", task.step},
          {"task", task.name},
          {"task_digest", task.task.hex()},
          {"items", task.items},
          {"accuracy", of_choices(share(task.correct, task.items))},
          {"accuracy_per_byte", of_choices(share(task.correct_per_byte, task.items))},
          {"bits_per_byte", manifests::bits_per_byte(task.units, task.bytes)},
          {"perplexity", manifests::perplexity(task.units, task.tokens)}};
}

}  // namespace

Json evaluation_event(const logs::EvaluationEvent& event) {
  if (const auto* eval = std::get_if<logs::EvalEvent>(&event)) return eval_event(*eval);
  return task_event(std::get<logs::TaskEvent>(event));
}

Json peaks_event(std::int64_t step, const Peaks& peaks) {
  Json inputs = Json::array();
  for (const Peak& peak : peaks.list()) {
    const double rms = peak.rms();
    inputs.push_back({{"tensor", peak.tensor},
                      {"max", decimal_text(static_cast<double>(peak.max))},
                      {"rms", std::isfinite(rms) ? Json(decimal_text(rms)) : Json()},
                      {"ratio", decimal_text(peak.ratio)}});
  }
  return {{"type", "peaks"}, {"step", step}, {"inputs", inputs}};
}

Json state_event(const char* type, const manifests::StoredState& state) {
  return {{"type", type},
          {"step", state.step},
          {"manifest", state.manifest.hex()},
          {"state", state.state_root.hex()},
          {"model", state.model_root.hex()}};
}

Json profile_event(const ProfileSummary& summary, const manifests::ProfileRequest& request,
                   const std::string& path, int threads) {
  Json operations = Json::array();
  for (const OperationShare& share : summary.operations) {
    operations.push_back({{"name", share.name},
                          {"calls", share.calls},
                          {"seconds", share.seconds},
                          {"share", share.share},
                          {"busy", share.busy},
                          {"operations", share.operations}});
  }
  return {{"type", "profile"},       {"path", path},           {"first", request.first},
          {"last", request.last},    {"steps", summary.steps}, {"seconds", summary.seconds},
          {"threads", threads},      {"spans", summary.spans}, {"dropped", summary.dropped},
          {"operations", operations}};
}

Json error_event(const Error& error) {
  return {{"type", "error"},
          {"code", code_name(error.code())},
          {"message", error.what()},
          {"hint", error.hint()}};
}

}  // namespace repro::train
