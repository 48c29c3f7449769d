// The events of the log, to JSON and back.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "logs/run_log.h"

namespace repro::logs {
namespace {

constexpr int kLossUnitBits = 30;

[[noreturn]] void fail(std::string_view what, const std::string& why) {
  throw Error(Code::corruption, std::string(what) + ": " + why);
}

void check_event(const Json& event, std::string_view type,
                 const std::vector<std::string_view>& keys, std::string_view what,
                 const std::vector<std::string_view>& optional = {"chain"}) {
  if (json_string(event, "type", what) != type) {
    fail(what, "it is no \"" + std::string(type) + "\" event");
  }
  check_json_keys(event, keys, optional, what);
}

std::int64_t count(const Json& event, std::string_view key, std::string_view what,
                   std::int64_t low = 0) {
  const std::int64_t value = json_int(event, key, what);
  if (value < low) fail(what, "key \"" + std::string(key) + "\" is out of range");
  return value;
}

Digest digest(const Json& event, std::string_view key, std::string_view what) {
  return parse_digest(json_string(event, key, what), what);
}

std::optional<Digest> find_optional_digest(const Json& event, std::string_view key,
                                           std::string_view what) {
  if (json_at(event, key, what).is_null()) return std::nullopt;
  return digest(event, key, what);
}

Json optional_hex(const std::optional<Digest>& value) {
  return value ? Json(value->hex()) : Json();
}

double hex_float(const Json& event, std::string_view key, std::string_view what) {
  const std::string text = json_string(event, key, what);
  const auto value = find_number(text);
  if (!value || !std::isfinite(*value) || hex_float_text(*value) != text) {
    fail(what, "key \"" + std::string(key) + "\" is not a hex float in shortest form");
  }
  return *value;
}

float decimal32(const Json& event, std::string_view key, std::string_view what) {
  const std::string text = json_string(event, key, what);
  float value = 0;
  const auto end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value) ||
      decimal_text(value) != text) {
    fail(what, "key \"" + std::string(key) + "\" is not a binary32 decimal in shortest form");
  }
  return value;
}

// The readable loss says what the integers say.
void check_loss(const Json& event, std::int64_t loss_sum, std::int64_t tokens,
                std::string_view what) {
  if (json_string(event, "loss", what) != decimal_text(mean_loss(loss_sum, tokens))) {
    fail(what, "its loss is not loss_sum / tokens");
  }
}

}  // namespace

double mean_loss(std::int64_t loss_sum, std::int64_t tokens) {
  REPRO_CHECK(tokens > 0 || (tokens == 0 && loss_sum == 0));
  if (tokens == 0) return 0;
  return std::ldexp(static_cast<double>(loss_sum), -kLossUnitBits) / static_cast<double>(tokens);
}

Json encode_step(const StepEvent& event) {
  REPRO_CHECK(std::isfinite(event.grad_norm) && std::isfinite(event.learning_rate));
  Json json = {{"batch", event.batch.hex()},
               {"grad_norm", hex_float_text(event.grad_norm)},
               {"learning_rate", decimal_text(event.learning_rate)},
               {"loss", decimal_text(mean_loss(event.loss_sum, event.tokens))},
               {"loss_sum", event.loss_sum},
               {"model", optional_hex(event.model_root)},
               {"state", optional_hex(event.state_root)},
               {"step", event.step},
               {"tokens", event.tokens},
               {"type", "step"},
               {"z_loss_sum", event.z_loss_sum}};
  if (event.skipped) json["skipped"] = true;
  return json;
}

StepEvent parse_step(const Json& event, std::string_view what) {
  check_event(event, "step",
              {"batch", "grad_norm", "learning_rate", "loss", "loss_sum", "model", "state", "step",
               "tokens", "type", "z_loss_sum"},
              what, {"chain", "skipped"});
  StepEvent step;
  step.step = count(event, "step", what);
  step.tokens = count(event, "tokens", what);
  step.loss_sum = json_int(event, "loss_sum", what);
  step.z_loss_sum = json_int(event, "z_loss_sum", what);
  if (step.tokens == 0 && (step.loss_sum != 0 || step.z_loss_sum != 0)) {
    fail(what, "it has a loss without targets");
  }
  step.grad_norm = hex_float(event, "grad_norm", what);
  step.learning_rate = decimal32(event, "learning_rate", what);
  step.batch = digest(event, "batch", what);
  step.model_root = find_optional_digest(event, "model", what);
  step.state_root = find_optional_digest(event, "state", what);
  if (event.contains("skipped")) {
    if (json_at(event, "skipped", what) != true) fail(what, "key \"skipped\" is not true");
    step.skipped = true;
  }
  check_loss(event, step.loss_sum, step.tokens, what);
  return step;
}

Json encode_eval(const EvalEvent& event) {
  return {
      {"correct", event.correct},   {"loss", decimal_text(mean_loss(event.loss_sum, event.tokens))},
      {"loss_sum", event.loss_sum}, {"step", event.step},
      {"tokens", event.tokens},     {"type", "eval"}};
}

EvalEvent parse_eval(const Json& event, std::string_view what) {
  check_event(event, "eval", {"correct", "loss", "loss_sum", "step", "tokens", "type"}, what);
  EvalEvent eval;
  eval.step = count(event, "step", what);
  eval.tokens = count(event, "tokens", what, 1);
  eval.loss_sum = json_int(event, "loss_sum", what);
  eval.correct = count(event, "correct", what);
  if (eval.correct > eval.tokens) fail(what, "more targets are correct than there are");
  check_loss(event, eval.loss_sum, eval.tokens, what);
  return eval;
}

Json encode_task(const TaskEvent& event) {
  return {{"bytes", event.bytes},
          {"correct", event.correct},
          {"correct_per_byte", event.correct_per_byte},
          {"dropped", event.dropped},
          {"items", event.items},
          {"kind", event.texts ? "texts" : "choices"},
          {"name", event.name},
          {"step", event.step},
          {"task", event.task.hex()},
          {"ties", event.ties},
          {"tokens", event.tokens},
          {"type", "task"},
          {"units", event.units}};
}

TaskEvent parse_task(const Json& event, std::string_view what) {
  check_event(event, "task",
              {"bytes", "correct", "correct_per_byte", "dropped", "items", "kind", "name", "step",
               "task", "ties", "tokens", "type", "units"},
              what);
  TaskEvent task;
  task.step = count(event, "step", what);
  task.name = json_string(event, "name", what);
  task.task = digest(event, "task", what);
  const std::string kind = json_string(event, "kind", what);
  if (kind != "choices" && kind != "texts") fail(what, "key \"kind\" is neither choices nor texts");
  task.texts = kind == "texts";
  task.items = count(event, "items", what, 1);
  task.correct = count(event, "correct", what);
  task.correct_per_byte = count(event, "correct_per_byte", what);
  task.ties = count(event, "ties", what);
  const std::int64_t choices = task.texts ? 0 : task.items;
  if (std::max({task.correct, task.correct_per_byte, task.ties}) > choices) {
    fail(what, "it counts more items than there are");
  }
  task.dropped = count(event, "dropped", what);
  task.units = json_int(event, "units", what);
  task.tokens = count(event, "tokens", what, 1);
  task.bytes = count(event, "bytes", what, 1);
  return task;
}

Json encode_evaluation(const EvaluationEvent& event) {
  if (const auto* eval = std::get_if<EvalEvent>(&event)) return encode_eval(*eval);
  return encode_task(std::get<TaskEvent>(event));
}

Json encode_segment(const SegmentEvent& event) {
  return {{"derivation", event.derivation.hex()},
          {"model", event.model_root.hex()},
          {"schema", kLogSchema},
          {"state", event.state_root.hex()},
          {"step", event.step},
          {"type", "segment"}};
}

SegmentEvent parse_segment(const Json& event, std::string_view what) {
  check_event(event, "segment", {"derivation", "model", "schema", "state", "step", "type"}, what);
  if (json_string(event, "schema", what) != kLogSchema) {
    throw Error(Code::unsupported,
                std::string(what) + ": the log is not of schema " + std::string(kLogSchema),
                "use the version of repro that wrote it, or a newer one");
  }
  SegmentEvent segment;
  segment.step = count(event, "step", what);
  segment.derivation = digest(event, "derivation", what);
  segment.model_root = digest(event, "model", what);
  segment.state_root = digest(event, "state", what);
  return segment;
}

}  // namespace repro::logs
