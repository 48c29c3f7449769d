#include "cli/replay_check.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "cli/progress.h"
#include "cli/worker.h"
#include "manifests/run_spec.h"
#include "verify/replay.h"
#include "verify/run_logs.h"

namespace repro::cli {
namespace {

constexpr std::string_view kSample = "sample:";

std::int64_t parse_step(std::string_view text, const std::string& whole) {
  const auto step = find_integer(text);
  if (step) return *step;
  throw Error(Code::invalid_argument, "cannot read --replay=" + whole,
              "write --replay, --replay=A..B or --replay=sample:N");
}

std::string range_text(const verify::ReplayPlan& plan) {
  return std::to_string(plan.first) + ".." + std::to_string(plan.last);
}

void print_verdict(Io& io, const verify::ReplayPlan& plan, const verify::ReplayVerdict& verdict) {
  if (verdict.identical) {
    io.line("steps " + range_text(plan) + ": " + io.paint(Paint::good, "identical") + ", " +
            std::to_string(verdict.num_lines) + " lines of the log, byte for byte");
  } else {
    io.line("steps " + range_text(plan) + ": " + io.paint(Paint::bad, "different") + " at step " +
            std::to_string(verdict.step) + ": " + verdict.reason);
    if (!verdict.logged.empty()) io.line("  logged:   " + verdict.logged);
    if (!verdict.replayed.empty()) io.line("  replayed: " + verdict.replayed);
  }
  io.emit("replay", {{"first", plan.first},
                     {"last", plan.last},
                     {"start", plan.start},
                     {"identical", verdict.identical},
                     {"lines", verdict.num_lines},
                     {"line_number", verdict.line_number},
                     {"step", verdict.step},
                     {"fields", verdict.fields},
                     {"logged", verdict.logged},
                     {"replayed", verdict.replayed},
                     {"reason", verdict.reason}});
}

}  // namespace

ReplayCheck::ReplayCheck(Context& context, const manifests::Run& run, const ReplayRequest& request)
    : context_(context), run_(run), running_(request.running) {
  const std::string& what = request.what;
  if (what.empty()) {
    plans_ = {verify::plan_replay(run)};
  } else if (what.starts_with(kSample)) {
    seed_ = request.seed ? *request.seed : verify::fresh_seed();
    const std::int64_t count = parse_step(std::string_view(what).substr(kSample.size()), what);
    sampled_ = verify::sample_steps(run, count, seed_);
    plans_ = verify::plan_samples(run, sampled_);
  } else {
    const auto dots = what.find("..");
    const std::int64_t first = parse_step(std::string_view(what).substr(0, dots), what);
    const std::int64_t last = dots == std::string::npos
                                  ? first
                                  : parse_step(std::string_view(what).substr(dots + 2), what);
    plans_ = {verify::plan_replay(run, first, last)};
  }
}

void ReplayCheck::print_plan() const {
  Io& io = context_.io();
  if (!sampled_.empty()) {
    std::string steps;
    for (const std::int64_t step : sampled_) steps += " " + std::to_string(step);
    io.line("sample of " + std::to_string(sampled_.size()) + " steps, seed " +
            std::to_string(seed_) + ":" + steps);
  }
  std::int64_t updates = 0;
  Json plans = Json::array();
  for (const auto& plan : plans_) {
    updates += plan.updates();
    io.line("replay of steps " + range_text(plan) + " from " +
            (plan.from_stored ? "the stored state of step " : "the beginning, step ") +
            std::to_string(plan.start) + ": " + std::to_string(plan.updates()) + " updates");
    plans.push_back({{"first", plan.first}, {"last", plan.last}, {"start", plan.start}});
  }
  const auto seconds = verify::find_step_seconds(context_.store(), run_);
  const double cost = seconds.value_or(0) * static_cast<double>(updates);
  io.line(seconds ? "cost: about " + duration_text(cost) + " at the run's own pace"
                  : "cost: unknown, the run has no readable telemetry");
  Json json = {{"plans", std::move(plans)}, {"updates", updates}, {"seconds", nullptr}};
  if (seconds) json["seconds"] = decimal_text(cost);
  if (!sampled_.empty()) {
    json["seed"] = std::to_string(seed_);
    json["steps"] = sampled_;
  }
  io.emit("replay_plan", std::move(json));
}

std::vector<std::string> ReplayCheck::execute(const verify::ReplayPlan& plan) const {
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::replay;
  spec.store = context_.store().folder();
  spec.run = run_;
  spec.first = plan.first;
  spec.last = plan.last;
  spec.running = running_;
  std::vector<std::string> lines;
  ProgressBar bar(context_.io(), context_.clock(), "replaying", "steps");
  run_worker(context_, spec, [&](const Json& event) {
    if (json_string(event, "type", "worker event") != "line") return;
    lines.push_back(json_string(event, "line", "worker event"));
    const std::int64_t done = json_int(event, "step", "worker event") - plan.start;
    if (done >= 0) {
      bar.update(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(plan.updates()));
    }
  });
  return lines;
}

int ReplayCheck::run() const {
  Io& io = context_.io();
  const std::string log = verify::read_log(context_.store(), run_.log);
  bool identical = true;
  std::int64_t executed = 0;
  for (const auto& plan : plans_) {
    const auto verdict = verify::compare_replay(log, plan, execute(plan));
    print_verdict(io, plan, verdict);
    identical = identical && verdict.identical;
    executed += plan.last - plan.first + 1;
  }
  const std::int64_t others = run_.step - run_.segments.front().first_step - executed;
  if (others > 0) io.line("not compared: the other " + std::to_string(others) + " steps");
  if (identical) io.line("code and inputs give these states; who ran them first is not shown");
  return identical ? 0 : exit_code(Code::nondeterminism);
}

}  // namespace repro::cli
