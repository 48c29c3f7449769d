// Schedules of OLMo's trainer, in steps or tokens.
#include <cmath>
#include <map>

#include "artifacts/base/error.h"
#include "imports/olmo_duration.h"
#include "imports/olmo_importer.h"

namespace repro::imports {

double OlmoImporter::tokens_a_step() const {
  return static_cast<double>(config_.train.batch_size) *
         static_cast<double>(config_.data.sequence_length);
}

// The steps that the schedule is stretched over, as the trainer reckons them, and the key that says
// so. Tokens may be no whole number of steps.
std::pair<double, std::string> OlmoImporter::horizon_in_steps() {
  const bool tokens = source_.shown("scheduler.units") == "tokens";
  if (!source_.is_null("scheduler.t_max")) {
    const double count = source_.number("scheduler.t_max");
    return {tokens ? count / tokens_a_step() : count, "scheduler.t_max"};
  }
  const OlmoDuration run = olmo_duration(source_);
  switch (run.unit) {
    case OlmoDuration::Unit::steps:
      return {run.count, "max_duration"};
    case OlmoDuration::Unit::tokens:
      return {tokens ? run.count / tokens_a_step() : std::ceil(run.count / tokens_a_step()),
              "max_duration"};
    case OlmoDuration::Unit::epochs:
      break;
  }
  if (options_.num_instances == 0) {
    source_.fail("max_duration", "how many sequences an epoch has is not in the file",
                 "say it with --instances N: the sum over all files of floor(tokens / " +
                     std::to_string(config_.data.sequence_length) + ")");
  }
  return {std::floor(static_cast<double>(options_.num_instances) /
                     static_cast<double>(config_.train.batch_size)) *
              run.count,
          "max_duration"};
}

void OlmoImporter::map_warmup(bool tokens) {
  const double warmup = source_.number("scheduler.t_warmup") / (tokens ? tokens_a_step() : 1);
  const double whole = std::ceil(warmup);
  if (!(warmup >= 0) || warmup > static_cast<double>(kMaxCount)) {
    source_.fail("scheduler.t_warmup", "expected a number that is not negative", "");
  }
  put("schedule.warmup_steps", std::to_string(static_cast<std::int64_t>(whole)),
      {"scheduler.t_warmup", "scheduler.units"}, "");
  if (whole != warmup) {
    not_compute("scheduler.t_warmup",
                decimal_text(warmup) + " steps; a warm-up here is of whole " + "steps");
  }
  map_warmup_begin(whole > 0);
}

void OlmoImporter::map_warmup_begin(bool warms_up) {
  if (!warms_up) {
    if (source_.has("scheduler.warmup_min_lr")) {
      note("scheduler.warmup_min_lr", "there is no warm-up");
    }
  } else if (source_.is_null("scheduler.warmup_min_lr")) {
    config_.not_computed["scheduler.warmup_min_lr"] = {"null"};
    reasons_["scheduler.warmup_min_lr"] = "a warm-up from a tenth of the learning rate";
    comments_["not_computed.scheduler.warmup_min_lr"] = reasons_["scheduler.warmup_min_lr"];
  } else if (source_.number("scheduler.warmup_min_lr") != 0) {
    not_compute("scheduler.warmup_min_lr", "a warm-up that does not begin at 0");
  } else {
    becomes_["scheduler.warmup_min_lr"] = "the warm-up: from 0";
  }
}

// A number of tokens, which is rounded to a whole one: steps times the tokens of one may be a hair
// off.
std::string OlmoImporter::count_of(const std::string& key, double tokens) const {
  if (!(tokens >= 0) || tokens > static_cast<double>(kMaxTokens)) {
    source_.fail(key, "expected a number of tokens", "");
  }
  return std::to_string(static_cast<std::int64_t>(std::round(tokens)));
}

void OlmoImporter::map_schedule() {
  static const std::map<std::string, std::string, std::less<>> kNames = {
      {"cosine_with_warmup", "cosine"},
      {"linear_with_warmup", "linear"},
      {"constant_with_warmup", "constant"},
      {"constant", "constant"}};
  const std::string name = source_.shown("scheduler.name");
  const auto known = kNames.find(name);
  if (known == kNames.end()) {
    throw Error(
        Code::unsupported,
        source_.where("scheduler.name") + ": scheduler.name " + name + " is no schedule of repro",
        "it has cosine_with_warmup, linear_with_warmup, constant_with_warmup and constant");
  }
  const std::string units = source_.shown("scheduler.units");
  if (units != "tokens" && units != "steps") {
    source_.fail("scheduler.units", "expected steps or tokens", "");
  }
  const auto [steps, key] = horizon_in_steps();
  if (!(steps > 0) || steps > static_cast<double>(kMaxCount)) {
    source_.fail(key, "that is no number of steps", "");
  }
  // The trainer's cosine counts tokens, and may end within a step.
  const bool in_tokens = units == "tokens" && known->second == "cosine";
  put("schedule.name", in_tokens ? "olmo_cosine" : known->second,
      {"scheduler.name", "scheduler.units"}, "");
  put("schedule.final_fraction", decimal_text(source_.number("scheduler.alpha_f")),
      {"scheduler.alpha_f"}, "");
  put("train.steps", std::to_string(static_cast<std::int64_t>(std::ceil(steps))),
      {key.c_str(), "scheduler.units"}, "the horizon of the schedule");
  if (in_tokens) {
    put("schedule.total_tokens", count_of(key, steps * tokens_a_step()), {key.c_str()}, "");
  } else if (std::ceil(steps) != steps) {
    not_compute(key, "the schedule ends after " + decimal_text(steps) + " steps; here after whole");
  }
  if (name == "constant") {
    put("schedule.warmup_steps", "0", {"scheduler.name"}, "");
  } else if (in_tokens) {
    const double warmup = source_.number("scheduler.t_warmup");
    put("schedule.warmup_tokens", count_of("scheduler.t_warmup", warmup), {"scheduler.t_warmup"},
        "");
    map_warmup_begin(warmup > 0);
  } else {
    map_warmup(units == "tokens");
  }
  if (source_.has("max_duration")) {
    static_cast<void>(olmo_duration(source_));
    note("max_duration", "where to stop is said by --until");
  }
}

}  // namespace repro::imports
