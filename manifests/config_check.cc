// Relations between keys. Limits of single keys stand in config_table.cc.
#include "manifests/config_table.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::int64_t kMaxTokensPerStep = std::int64_t{1} << 24;
constexpr std::size_t kMaxNoteBytes = 4096;

[[noreturn]] void fail(const std::string& message, const std::string& hint) {
  throw Error(Code::invalid_argument, message, hint);
}

std::string named(const char* path, std::int64_t value) {
  return std::string(path) + " " + std::to_string(value);
}

void check_heads(const ModelConfig& model) {
  if (model.num_kv_heads == 0) {
    fail("model.num_kv_heads is 0 in a resolved configuration", "give it, or leave it out");
  }
  if (model.hidden_size % model.num_heads != 0) {
    fail(named("model.num_heads", model.num_heads) + " does not divide " +
             named("model.hidden_size", model.hidden_size),
         "choose a number of heads that divides the width");
  }
  if (model.head_dim() % 2 != 0) {
    fail("the head width " + std::to_string(model.head_dim()) +
             " (model.hidden_size / model.num_heads) is odd",
         "RoPE turns pairs: choose an even head width");
  }
  if (model.num_heads % model.num_kv_heads != 0) {
    fail(named("model.num_kv_heads", model.num_kv_heads) + " does not divide " +
             named("model.num_heads", model.num_heads),
         "each key and value head serves equally many query heads");
  }
}

void check_training(const Config& config) {
  if (config.schedule.warmup_steps > config.train.steps) {
    fail(named("schedule.warmup_steps", config.schedule.warmup_steps) + " is more than " +
             named("train.steps", config.train.steps),
         "the warm-up must end within the schedule");
  }
  if (config.train.batch_size > kMaxTokensPerStep / config.data.sequence_length) {
    fail(named("train.batch_size", config.train.batch_size) + " times " +
             named("data.sequence_length", config.data.sequence_length) + " is more than " +
             std::to_string(kMaxTokensPerStep) + " tokens a step",
         "sums over a step are proven exact up to that size");
  }
  if (config.data.holdout_every == 1) {
    fail("data.holdout_every 1 holds out every instance", "choose 0 (none) or at least 2");
  }
  if (config.eval.every > 0 && config.data.holdout_every == 0 && config.eval.tasks.empty()) {
    fail(named("eval.every", config.eval.every) +
             " needs held-out text or tasks, but data.holdout_every is 0",
         "set data.holdout_every or eval.tasks, or eval.every: 0");
  }
  if (config.eval.every == 0 && !config.eval.tasks.empty()) {
    fail("eval.tasks says what to evaluate on, but eval.every is 0", "set eval.every");
  }
}

void check_order(const DataConfig& data) {
  if (data.order_chunk != 1 && data.order != "olmo_core_order") {
    fail(named("data.order_chunk", data.order_chunk) + " does not go with data.order " + data.order,
         "set data.order: olmo_core_order, or leave data.order_chunk out");
  }
}

void check_schedule(const ScheduleConfig& schedule) {
  const bool in_tokens = schedule.name == "olmo_cosine";
  if (!in_tokens && (schedule.warmup_tokens != 0 || schedule.total_tokens != 0)) {
    fail("schedule.warmup_tokens and schedule.total_tokens do not go with schedule.name " +
             schedule.name,
         "set schedule.name: olmo_cosine, or leave them out");
  }
  if (in_tokens && schedule.warmup_steps != 0) {
    fail(named("schedule.warmup_steps", schedule.warmup_steps) +
             " does not go with schedule.name olmo_cosine",
         "give schedule.warmup_tokens");
  }
  if (in_tokens && schedule.total_tokens <= schedule.warmup_tokens) {
    fail(named("schedule.total_tokens", schedule.total_tokens) + " is not more than " +
             named("schedule.warmup_tokens", schedule.warmup_tokens),
         "the schedule goes on after its warm-up");
  }
}

void check_filter(const DataConfig& data) {
  const DataConfig defaults;
  const bool filters = data.repetition_max_period > 0;
  if (!filters && (data.repetition_min_period != defaults.repetition_min_period ||
                   data.repetition_max_count != defaults.repetition_max_count)) {
    fail(
        "data.repetition_max_period is 0, so data.repetition_min_period and "
        "data.repetition_max_count say nothing",
        "give data.repetition_max_period, or leave them out");
  }
  if (filters && data.repetition_min_period > data.repetition_max_period) {
    fail(named("data.repetition_min_period", data.repetition_min_period) + " is more than " +
             named("data.repetition_max_period", data.repetition_max_period),
         "the shortest span cannot be longer than the longest");
  }
}

void check_skipping(const OptimizerConfig& optimizer) {
  const OptimizerConfig defaults;
  if (optimizer.name == "skip_step_adamw") return;
  if (optimizer.skip_window == defaults.skip_window &&
      optimizer.skip_sigma == defaults.skip_sigma &&
      optimizer.count_steps == defaults.count_steps) {
    return;
  }
  fail(
      "optimizer.skip_window, optimizer.skip_sigma and optimizer.count_steps do not go with "
      "optimizer.name " +
          optimizer.name,
      "set optimizer.name: skip_step_adamw, or leave them out");
}

void check_native(const Config& config) {
  if (config.profile != "native" && config.native != NativeConfig{}) {
    fail("native.dtype " + config.native.dtype + " does not go with profile " + config.profile,
         "train with --profile native, or leave native.dtype out");
  }
}

void check_notes(const char* section, const Notes& notes) {
  for (const auto& [name, texts] : notes) {
    if (name.empty() || !is_plain_text(name, 200)) {
      fail(std::string(section) + " has a name that is empty or not readable text",
           "names of notes are those of a trainer's settings");
    }
    for (const std::string& text : texts) {
      if (is_plain_text(text, kMaxNoteBytes)) continue;
      fail(std::string(section) + "." + name + " is not readable text, or longer than " +
               std::to_string(kMaxNoteBytes) + " bytes",
           "a note is a text, or a list of texts, without control characters");
    }
  }
}

}  // namespace

void check_model_config(const ModelConfig& model) {
  Config config;  // fields are handed out as pointers to change
  config.model = model;
  for (const KeyRow& row : key_rows()) {
    if (row.key.path.starts_with("model.")) check_limits(row, row.field(config), "");
  }
  check_heads(model);
}

void check_config(const Config& config) {
  Config copy = config;
  for (const KeyRow& row : key_rows()) check_limits(row, row.field(copy), "");
  check_heads(config.model);
  check_training(config);
  check_order(config.data);
  check_schedule(config.schedule);
  check_filter(config.data);
  check_skipping(config.optimizer);
  check_native(config);
  check_notes("notes", config.notes);
  check_notes("not_computed", config.not_computed);
}

}  // namespace repro::manifests
