#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "cli/commands.h"
#include "cli/resolve.h"
#include "cli/run_record.h"
#include "logs/run_log.h"
#include "manifests/evaluation.h"
#include "verify/run_logs.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "The log holds only what the derivation decides: two realisations have the same bytes. Its "
    "hash\n"
    "chain is verified before anything is printed. With --json the lines come as they are stored.\n"
    "The last line has the spike score: the share of steps whose loss or gradient norm is at "
    "least\n"
    "seven standard deviations from the mean of the last 1000 (docs/formats.md, \"Logs\").\n"
    "--telemetry shows the clock, rates and host instead, which are never compared. --tail adds "
    "the\n"
    "lines since the last checkpoint, which a crash would discard.";

using Lines = verify::PublishedLines;

// Complete lines of the working tail that are not published yet.
void append_tail(const artifacts::Store& store, const manifests::Run& run, verify::LogKind kind,
                 Lines& lines) {
  const auto name = kind == verify::LogKind::log ? verify::kLogTail : verify::kTelemetryTail;
  const std::string path = join_path(store.run_folder(run.id), name);
  if (!store.files().exists(path)) return;
  const std::string tail = store.files().read_file(path);
  const manifests::LogSummary& summary = verify::log_summary(run, kind);
  const std::string genesis = verify::log_genesis(run, kind);
  const std::string& head = summary.lines == 0 ? genesis : summary.head;
  for (const verify::Finding& finding :
       verify::check_tail(tail, {lines.text, head}, verify::Torn::allowed, path)) {
    if (finding.severity != verify::Severity::corruption) continue;
    throw Error(Code::corruption, path + ": " + finding.message);
  }
  std::set<std::string_view> known;
  for (const verify::LogLine& line : verify::split_log(lines.text)) known.insert(line.text);
  std::string fresh;
  const std::size_t complete = tail.rfind('\n') == std::string::npos ? 0 : tail.rfind('\n') + 1;
  for (const verify::LogLine& line :
       verify::split_log(std::string_view(tail).substr(0, complete))) {
    if (known.contains(line.text)) continue;
    fresh.append(line.text).push_back('\n');
    lines.events.push_back(parse_json(line.text, path));
  }
  lines.text += fresh;
}

std::string rounded(double value) { return fmt::format("{:.4f}", value); }

std::string decimal(const Json& event, const char* key) {
  const auto value = find_number(json_string(event, key, "log line"));
  return value ? rounded(*value) : "-";
}

// "sums 51/64, 2.1034 bits a byte".
std::string task_text(const logs::TaskEvent& task) {
  const std::string bits =
      fmt::format("{:.4f} bits a byte", manifests::bits_per_byte(task.units, task.bytes));
  if (task.texts) return fmt::format("{} {}", task.name, bits);
  return fmt::format("{} {}/{}, {}", task.name, task.correct, task.items, bits);
}

// A row a step; an evaluation stands in the row of its step.
std::vector<std::vector<std::string>> log_rows(const std::vector<Json>& events) {
  constexpr const char* kWhat = "log line";
  constexpr std::size_t kHeldOut = 4;
  std::vector<std::vector<std::string>> rows;
  for (const Json& event : events) {
    const std::string type = json_string(event, "type", kWhat);
    const std::string step = std::to_string(json_int(event, "step", kWhat));
    if (type == "step") {
      rows.push_back({step, decimal(event, "loss"), decimal(event, "grad_norm"),
                      json_string(event, "learning_rate", kWhat), "",
                      event.contains("skipped") ? "update skipped" : ""});
    } else if (type == "eval") {
      const logs::EvalEvent eval = logs::parse_eval(event, kWhat);
      const std::string loss = rounded(logs::mean_loss(eval.loss_sum, eval.tokens));
      if (!rows.empty() && rows.back()[0] == step) {
        rows.back()[kHeldOut] = loss;
      } else {
        rows.push_back({step, "", "", "", loss, ""});
      }
    } else if (type == "task") {
      rows.push_back({step, "", "", "", "", task_text(logs::parse_task(event, kWhat))});
    } else {
      rows.push_back({step, "", "", "", "",
                      "derivation " + json_string(event, "derivation", kWhat).substr(0, 12)});
    }
  }
  return rows;
}

std::vector<std::vector<std::string>> telemetry_rows(const std::vector<Json>& events) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& event : events) {
    Json rest = event;
    for (const char* key : {"chain", "step", "type", "time"}) rest.erase(key);
    rows.push_back({std::to_string(event.value("step", std::int64_t{0})), event.value("type", ""),
                    event.value("time", ""), rest.dump()});
  }
  return rows;
}

// Of the whole log, also where only its last lines are shown.
void print_spikes(Io& io, const Lines& lines) {
  const logs::RunSpikes spikes = logs::run_spikes(lines.events, "log line");
  io.line("spikes of the loss: " + spikes_text(spikes.loss) +
          "; of the gradient norm: " + spikes_text(spikes.grad_norm));
}

void print_lines(Io& io, const Lines& lines, verify::LogKind kind, std::size_t limit) {
  if (io.json()) {
    const auto split = verify::split_log(lines.text);
    for (std::size_t i = split.size() - std::min(limit, split.size()); i < split.size(); ++i) {
      io.emit_raw(split[i].text);
    }
    return;
  }
  auto rows = kind == verify::LogKind::log ? log_rows(lines.events) : telemetry_rows(lines.events);
  rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(std::min(limit, rows.size())));
  rows.insert(rows.begin(), kind == verify::LogKind::log
                                ? std::vector<std::string>{"STEP", "LOSS", "GRAD NORM",
                                                           "LEARNING RATE", "HELD-OUT", "NOTE"}
                                : std::vector<std::string>{"STEP", "TYPE", "TIME", "MORE"});
  io.table(rows);
}

int run_log(const Arguments& arguments, Context& context) {
  const Resolved resolved = resolve_run(context, arguments.text("RUN"));
  const manifests::Run& run = *resolved.run;
  const auto kind =
      arguments.has("--telemetry") ? verify::LogKind::telemetry : verify::LogKind::log;
  Lines lines = verify::read_published(context.store(), run, kind);
  if (arguments.has("--tail")) append_tail(context.store(), run, kind, lines);
  const auto limit = static_cast<std::size_t>(
      arguments.find_count("--lines").value_or(static_cast<std::int64_t>(lines.text.size())));
  print_lines(context.io(), lines, kind, limit);
  const bool summary = kind == verify::LogKind::log && !context.io().json();
  if (summary && !lines.events.empty()) print_spikes(context.io(), lines);
  return 0;
}

}  // namespace

Command make_log_command() {
  return {.name = "log",
          .group = "Look",
          .summary = "print the log of a run",
          .details = kDetails,
          .needs = Needs::store,
          .options = {{"RUN", ValueKind::one, "", "run", Required::yes},
                      {"-n,--lines", ValueKind::one, "N", "only the last N"},
                      {"--telemetry", ValueKind::flag, "", "clock, rates and host instead"},
                      {"--tail", ValueKind::flag, "", "also lines since the last checkpoint"}},
          .run = run_log};
}

}  // namespace repro::cli
