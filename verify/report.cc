#include "verify/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "manifests/evaluation.h"
#include "verify/run_logs.h"

namespace repro::verify {
namespace {

using manifests::Curve;
using manifests::Series;
using manifests::Table;

constexpr std::size_t kIdDigits = 8;
constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20;

// What other trainers call the curves that our runs have too (olmo/train.py, OLMo-core's
// callbacks, transformers' Trainer).
struct KnownCurve {
  const char* name;
  std::array<const char*, 4> others;
};
constexpr std::array<KnownCurve, 4> kKnownCurves = {{
    {"loss", {"train/CrossEntropyLoss", "train/CE loss", "train/loss", "loss"}},
    {"gradient norm",
     {"optim/total_grad_norm", "optim/total grad norm", "train/grad_norm", "grad_norm"}},
    {"learning rate",
     {"optim/learning_rate_group0", "optim/LR (group 0)", "train/learning_rate", "learning_rate"}},
    {"held-out loss", {"eval/CrossEntropyLoss", "eval/loss", "eval_loss", "validation_loss"}},
}};

std::string known_name(const std::string& name) {
  for (const KnownCurve& known : kKnownCurves) {
    for (const char* other : known.others) {
      if (name == other) return known.name;
    }
  }
  return name;
}

double loss_of(const logs::StepEvent& step) { return logs::mean_loss(step.loss_sum, step.tokens); }
double loss_of(const logs::EvalEvent& eval) { return logs::mean_loss(eval.loss_sum, eval.tokens); }

template <class Event, class Value>
Series series_of(const std::string& label, const std::vector<Event>& events, const Value& value) {
  Series series{label, {}, {}};
  for (const Event& event : events) {
    while (!series.steps.empty() && series.steps.back() >= event.step) {  // a segment went back
      series.steps.pop_back();
      series.values.pop_back();
    }
    series.steps.push_back(event.step);
    series.values.push_back(value(event));
  }
  return series;
}

std::string rounded(double value) { return fmt::format("{:.6f}", value); }

Table runs_table(std::span<const ReportedRun> runs) {
  Table table{"Runs",
              {"run", "id", "recipe", "status", "step", "state root", "model root", "log head"},
              {}};
  for (const ReportedRun& reported : runs) {
    const manifests::Run& run = reported.run;
    const bool stored = !run.states.empty();
    table.rows.push_back({run.name.empty() ? "-" : run.name, run.id, run.recipe,
                          std::string(manifests::run_status_name(run.status)),
                          std::to_string(run.step),
                          stored ? run.states.back().state_root.hex() : "-",
                          stored ? run.states.back().model_root.hex() : "-", run.log.head});
  }
  return table;
}

Table derivations_table(std::span<const ReportedRun> runs) {
  Table table{
      "Derivations", {"run", "from step", "derivation", "data", "initial state", "reason"}, {}};
  for (const ReportedRun& reported : runs) {
    for (const manifests::Segment& segment : reported.run.segments) {
      table.rows.push_back({reported.label(), std::to_string(segment.first_step),
                            segment.derivation.hex(), segment.content.dataset_root.hex(),
                            segment.content.initial, segment.reason});
    }
  }
  return table;
}

// The mean of the last tenth is less of an accident than the last step.
Table results_table(std::span<const ReportedRun> runs) {
  Table table{"Losses",
              {"run", "steps", "last loss", "mean of last tenth", "last held-out", "best held-out"},
              {}};
  for (const ReportedRun& reported : runs) {
    const auto& steps = reported.steps;
    std::string last = "-";
    std::string mean = "-";
    if (!steps.empty()) {
      const std::size_t count = std::max<std::size_t>(steps.size() / 10, 1);
      double sum = 0;
      for (std::size_t i = steps.size() - count; i < steps.size(); ++i) sum += loss_of(steps[i]);
      last = rounded(loss_of(steps.back()));
      mean = rounded(sum / static_cast<double>(count));
    }
    std::optional<double> best;
    for (const auto& eval : reported.evaluations) {
      best = std::min(best.value_or(loss_of(eval)), loss_of(eval));
    }
    table.rows.push_back({reported.label(), std::to_string(steps.size()), last, mean,
                          best ? rounded(loss_of(reported.evaluations.back())) : "-",
                          best ? rounded(*best) : "-"});
  }
  return table;
}

std::map<std::string, std::string> flat_keys(const manifests::Config& config) {
  std::map<std::string, std::string> keys;
  const Json flat = manifests::deciding_keys(config).flatten();
  for (const auto& [pointer, value] : flat.items()) {
    std::string name = pointer.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    keys[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return keys;
}

Table keys_table(std::span<const ReportedRun> runs) {
  Table table{"Deciding keys in which the runs differ", {"key"}, {}};
  std::vector<std::map<std::string, std::string>> keys;
  std::set<std::string> names;
  for (const ReportedRun& reported : runs) {
    table.columns.push_back(reported.label());
    keys.push_back(flat_keys(reported.config));
    for (const auto& [name, value] : keys.back()) names.insert(name);
  }
  for (const std::string& name : names) {
    std::vector<std::string> row = {name};
    std::set<std::string> values;
    for (const auto& of_run : keys) {
      const auto found = of_run.find(name);
      row.push_back(found == of_run.end() ? "-" : found->second);
      values.insert(row.back());
    }
    if (values.size() > 1) table.rows.push_back(std::move(row));
  }
  return table;
}

// Bins are powers of two, whatever the values, so that runs can be compared.
manifests::Histogram norms_histogram(const ReportedRun& reported) {
  std::map<int, std::int64_t> bins;
  for (const logs::StepEvent& step : reported.steps) {
    if (step.grad_norm > 0) ++bins[std::ilogb(step.grad_norm)];
  }
  manifests::Histogram histogram{"Gradient norms of " + reported.label(), {}, {}};
  if (bins.empty()) return histogram;
  const int first = bins.begin()->first;
  const int last = bins.rbegin()->first;
  constexpr int kMaxBins = 24;  // norms far below the largest are left out
  const int begin = std::max(first, last - kMaxBins + 1);
  for (int bin = begin; bin <= last; ++bin) {
    histogram.edges.push_back(std::ldexp(1.0, bin));
    histogram.counts.push_back(bins.contains(bin) ? bins[bin] : 0);
  }
  histogram.edges.push_back(std::ldexp(1.0, last + 1));
  return histogram;
}

manifests::Graph descent_graph(std::span<const ReportedRun> runs) {
  manifests::Graph graph{"Descent", {}};
  for (const ReportedRun& reported : runs) {
    for (const manifests::Segment& segment : reported.run.segments) {
      if (segment.parent_run.empty()) continue;
      std::string parent = segment.parent_run.substr(0, kIdDigits);
      for (const ReportedRun& other : runs) {
        if (other.run.id == segment.parent_run) parent = other.label();
      }
      graph.edges.push_back(
          {parent, reported.label(), "step " + std::to_string(segment.first_step)});
    }
  }
  return graph;
}

// Curves by name, in the order in which they were first added.
class Curves {
 public:
  void add(const std::string& name, Series series) {
    if (series.steps.empty()) return;
    const auto found = std::find_if(curves_.begin(), curves_.end(),
                                    [&](const Curve& curve) { return curve.name == name; });
    Curve& curve = found == curves_.end() ? curves_.emplace_back(Curve{name, {}}) : *found;
    curve.series.push_back(std::move(series));
  }
  std::vector<Curve> take() { return std::move(curves_); }

 private:
  std::vector<Curve> curves_;
};

void add_run_curves(const ReportedRun& reported, Curves& curves) {
  using logs::StepEvent;
  const std::string label = reported.label();
  curves.add("loss",
             series_of(label, reported.steps, [](const StepEvent& e) { return loss_of(e); }));
  curves.add("gradient norm",
             series_of(label, reported.steps, [](const StepEvent& e) { return e.grad_norm; }));
  curves.add("learning rate", series_of(label, reported.steps, [](const StepEvent& e) {
               return static_cast<double>(e.learning_rate);
             }));
  curves.add("held-out loss", series_of(label, reported.evaluations,
                                        [](const logs::EvalEvent& e) { return loss_of(e); }));
}

using TaskKey = std::pair<std::string, Digest>;  // name and content

// What the tasks of all runs are called: by their names, and where two have one, by their digests
// too.
std::map<TaskKey, std::string> task_labels(std::span<const ReportedRun> runs) {
  std::map<TaskKey, std::string> labels;
  std::map<std::string, int> named;
  for (const ReportedRun& reported : runs) {
    for (const logs::TaskEvent& event : reported.tasks) {
      if (labels.emplace(TaskKey(event.name, event.task), event.name).second) ++named[event.name];
    }
  }
  for (auto& [key, label] : labels) {
    if (named[key.first] > 1) label += " " + key.second.short_hex(kIdDigits);
  }
  return labels;
}

// Two curves for each task.
void add_task_curves(const ReportedRun& reported, const std::map<TaskKey, std::string>& labels,
                     Curves& curves) {
  std::map<TaskKey, std::vector<logs::TaskEvent>> tasks;
  for (const logs::TaskEvent& event : reported.tasks) {
    tasks[{event.name, event.task}].push_back(event);
  }
  for (const auto& [key, events] : tasks) {
    curves.add("bits a byte on " + labels.at(key),
               series_of(reported.label(), events, [](const logs::TaskEvent& e) {
                 return manifests::bits_per_byte(e.units, e.bytes);
               }));
    if (events.front().texts) continue;
    curves.add("accuracy on " + labels.at(key),
               series_of(reported.label(), events, [](const logs::TaskEvent& e) {
                 return static_cast<double>(e.correct) / static_cast<double>(e.items);
               }));
  }
}

void describe(std::span<const ReportedRun> runs, std::span<const ReportedLog> logs,
              Report& report) {
  for (const ReportedRun& reported : runs) {
    report.verified.push_back(fmt::format(
        "Log of {}: {} lines, each piece against its digest, one unbroken chain from the "
        "derivation to the head.",
        reported.label(), reported.run.log.lines));
  }
  for (const ReportedLog& log : logs) {
    report.verified.push_back("Imported log " + log.name + ": its bytes against their digests.");
  }
  if (!runs.empty()) {
    report.not_verified = {"Stored states and data of the runs: `repro verify RUN` reads them all.",
                           "That executing the steps gives these numbers and roots: `repro verify "
                           "RUN --replay` does."};
  }
  if (!logs.empty()) {
    report.not_verified.emplace_back(
        "That an imported log tells what happened: its numbers are the claim of whoever made it.");
  }
  report.not_verified.emplace_back(
      "Who made it: nothing here is signed. What agrees is consistent, not authentic.");
}

}  // namespace

std::string ReportedRun::label() const {
  const std::string id = run.id.substr(0, kIdDigits);
  return run.name.empty() ? id : run.name + " (" + id + ")";
}

ReportedRun read_reported_run(const artifacts::Store& store, const manifests::Run& run) {
  const std::string what = "log of run " + run.id.substr(0, kIdDigits);
  ReportedRun reported{run, {}, {}, {}, {}};
  const Digest& config = run.segments.back().config;
  reported.config =
      manifests::parse_config(store.get(config, kMaxConfigBytes), "config " + config.short_hex());
  for (const Json& event : read_published(store, run, LogKind::log).events) {
    const std::string type = json_string(event, "type", what);
    if (type == "step") reported.steps.push_back(logs::parse_step(event, what));
    if (type == "task") reported.tasks.push_back(logs::parse_task(event, what));
    if (type == "eval") reported.evaluations.push_back(logs::parse_eval(event, what));
  }
  return reported;
}

Report make_report(std::span<const ReportedRun> runs, std::span<const ReportedLog> logs) {
  Report report;
  Curves curves;
  if (!runs.empty()) {
    report.records = {runs_table(runs), results_table(runs), derivations_table(runs)};
    Table keys = keys_table(runs);
    if (!keys.rows.empty()) report.records.emplace_back(std::move(keys));
    manifests::Graph descent = descent_graph(runs);
    if (!descent.edges.empty()) report.records.emplace_back(std::move(descent));
    const auto labels = task_labels(runs);
    for (const ReportedRun& reported : runs) {
      add_run_curves(reported, curves);
      add_task_curves(reported, labels, curves);
    }
  }
  for (const ReportedLog& log : logs) {
    for (const manifests::Record& record : log.records) {
      if (const auto* curve = std::get_if<Curve>(&record)) {
        for (const Series& series : curve->series) {
          curves.add(known_name(curve->name), {log.name, series.steps, series.values});
        }
      } else {
        report.records.push_back(record);
      }
    }
  }
  for (Curve& curve : curves.take()) report.records.emplace_back(std::move(curve));
  for (const ReportedRun& reported : runs) {
    manifests::Histogram norms = norms_histogram(reported);
    if (!norms.counts.empty()) report.records.emplace_back(std::move(norms));
  }
  describe(runs, logs, report);
  return report;
}

}  // namespace repro::verify
