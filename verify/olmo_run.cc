#include "verify/olmo_run.h"

#include <cmath>

#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "imports/olmo_config.h"
#include "imports/olmo_duration.h"
#include "imports/olmo_source.h"
#include "verify/olmo_name.h"

namespace repro::verify {
namespace {

constexpr std::int64_t kMaxBatch = std::int64_t{1} << 24;
constexpr std::int64_t kMaxLength = std::int64_t{1} << 24;
constexpr std::int64_t kMaxStep = std::int64_t{1} << 48;
constexpr std::int64_t kExtraSteps = 10;  // the trainer runs on behind max_steps (olmo/train.py)

using imports::OlmoDuration;

// Steps that max_duration means for a run whose counters begin at 0; nullopt for epochs.
std::optional<double> max_steps(const imports::OlmoSource& source, const OlmoRun& run) {
  const OlmoDuration duration = imports::olmo_duration(source);
  if (duration.unit == OlmoDuration::Unit::epochs) return std::nullopt;
  if (duration.unit == OlmoDuration::Unit::steps) return duration.count;
  return std::ceil(duration.count / static_cast<double>(run.tokens_per_step()));
}

void read_horizon(const imports::OlmoSource& source, const OlmoRun& run, OlmoSchedule& schedule) {
  if (!source.is_null("scheduler.t_max")) {
    schedule.horizon = source.number("scheduler.t_max");
    return;
  }
  const OlmoDuration duration = imports::olmo_duration(source);
  const bool tokens = schedule.units_per_step != 1;
  if (tokens && duration.unit == OlmoDuration::Unit::tokens) {
    schedule.horizon = duration.count;
  } else if (const auto steps = max_steps(source, run)) {
    schedule.horizon = *steps * schedule.units_per_step;
  } else {
    source.fail("max_duration", "how long an epoch is, is in no file", "scheduler.t_max says it");
  }
}

OlmoSchedule read_schedule(const imports::OlmoSource& source, const OlmoRun& run) {
  OlmoSchedule schedule;
  if (source.is_one_of("scheduler.name", "linear_with_warmup")) {
    schedule.shape = OlmoShape::linear;
  } else if (!source.is_one_of("scheduler.name", "cosine_with_warmup")) {
    source.fail("scheduler.name", "only cosine_with_warmup and linear_with_warmup are known", "");
  }
  if (source.is_one_of("scheduler.units", "tokens")) {
    schedule.units_per_step = static_cast<double>(run.tokens_per_step());
  } else if (!source.is_one_of("scheduler.units", "steps")) {
    source.fail("scheduler.units", "expected steps or tokens", "");
  }
  schedule.peak = source.number("optimizer.learning_rate");
  schedule.warmup = source.number("scheduler.t_warmup");
  schedule.final_fraction = source.number("scheduler.alpha_f");
  schedule.warmup_start = source.is_null("scheduler.warmup_min_lr")
                              ? schedule.peak * 0.1  // the trainer's own
                              : source.number("scheduler.warmup_min_lr");
  read_horizon(source, run, schedule);
  const bool sound = schedule.peak >= 0 && schedule.warmup >= 0 && schedule.final_fraction >= 0 &&
                     schedule.horizon > schedule.warmup && schedule.horizon <= 1e18;
  if (!sound) source.fail("scheduler.t_warmup", "the schedule ends before its warm-up does", "");
  return schedule;
}

void read_order(const imports::OlmoSource& source, OlmoRun& run) {
  const char* seed = source.is_null("data.seed") ? "seed" : "data.seed";
  run.seed = source.integer(seed, 0, INT64_MAX >> 1);
  if (!source.is_null("epoch")) run.epoch = source.integer("epoch", 0, kMaxStep);
  run.drops_last = source.boolean("data.drop_last");
}

OlmoStart read_start(const imports::OlmoSource& source) {
  OlmoStart start;
  if (source.is_null("load_path")) return start;
  start.fresh = false;
  const bool resets = source.boolean("reset_trainer_state");
  start.keeps_counters = !resets && source.boolean("restore_dataloader");
  start.keeps_updates = !source.boolean("reset_optimizer_state");
  const std::vector<std::string> paths = source.texts("load_path");
  if (paths.size() == 1) {
    const auto name = find_olmo_name(base_name(plain_location(paths[0])));
    if (name) start.step = name->step;
  }
  return start;
}

void read_end(const imports::OlmoSource& source, OlmoRun& run) {
  if (source.has("stop_at") && !source.is_null("stop_at")) {
    run.last_step = source.integer("stop_at", 0, kMaxStep);
  } else if (const auto steps = max_steps(source, run); steps && *steps < kMaxStep) {
    run.last_step = static_cast<std::int64_t>(*steps) + kExtraSteps;
  }
}

}  // namespace

std::optional<std::int64_t> OlmoStart::lead() const {
  if (fresh || (!keeps_counters && !keeps_updates)) return 0;
  if (!step || (keeps_counters && keeps_updates)) return std::nullopt;
  return keeps_updates ? *step : -*step;
}

OlmoRun read_olmo_run(const std::string& file, std::string_view text) {
  imports::OlmoSource source(file, text);
  source.resolve();
  OlmoRun run;
  run.batch_size = source.integer("global_train_batch_size", 1, kMaxBatch);
  run.sequence_length = source.integer("model.max_sequence_length", 1, kMaxLength);
  read_end(source, run);
  run.start = read_start(source);
  read_order(source, run);
  try {
    run.schedule = read_schedule(source, run);
  } catch (const Error& error) {
    run.no_schedule = error.message();
  }
  try {
    // The import must know how long an epoch is; the shape does not depend on it.
    imports::OlmoOptions options;
    options.num_instances = run.batch_size << 15;
    run.model = imports::import_olmo_config(file, text, options).config.model;
  } catch (const Error& error) {
    run.no_model = error.message();
  }
  return run;
}

}  // namespace repro::verify
