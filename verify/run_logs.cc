#include "verify/run_logs.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/base/number_text.h"
#include "logs/run_log.h"

namespace repro::verify {
namespace {

// More than any sane log; keeps a forged manifest from asking for the machine's memory.
constexpr std::uint64_t kMaxPieceBytes = std::uint64_t{1} << 34;

std::string_view kind_word(LogKind kind) { return kind == LogKind::log ? "log" : "telemetry"; }

std::string describe(const manifests::Run& run, LogKind kind) {
  return std::string(kind_word(kind)) + " of run " + run.id.substr(0, 12);
}

Finding corrupt(LogKind kind, const std::string& path, std::string message) {
  return {Severity::corruption, std::string(kind_word(kind)), path, "", {}, std::move(message)};
}

// The text after `"key":` up to the next ',' or '}'; values of the keys asked for hold neither.
std::string_view raw_value(std::string_view line, std::string_view key) {
  const std::string mark = "\"" + std::string(key) + "\":";
  const auto at = line.find(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = line.substr(at + mark.size());
  return rest.substr(0, rest.find_first_of(",}"));
}

bool has_pieces(std::string_view text, const manifests::LogSummary& summary) {
  for (const auto& piece : summary.pieces) {
    const auto size = static_cast<std::size_t>(piece.size);
    if (piece.size < 0 || size > text.size()) return false;
    const std::string_view part = text.substr(0, size);
    if (std::count(part.begin(), part.end(), '\n') != piece.lines) return false;
    text.remove_prefix(size);
  }
  return text.empty();
}

// Steps go up by one, except that a segment says where it begins.
class StepOrder {
 public:
  StepOrder(const manifests::Run& run, const std::string& path) : run_(run), path_(path) {
    for (const auto& state : run.states) states_[state.step] = &state;
  }

  void add(const Json& event) {
    const std::string what = describe(run_, LogKind::log);
    const std::string type = json_string(event, "type", what);
    if (type == "segment") {
      const auto segment = logs::parse_segment(event, what);
      step_ = segment.step;
      check_segment(segment);
      check_roots(segment.step, segment.model_root, segment.state_root);
    } else if (type == "step") {
      const auto step = logs::parse_step(event, what);
      if (step.step != step_ + 1) {
        add_finding("step " + std::to_string(step.step) + " follows step " + std::to_string(step_));
      }
      step_ = step.step;
      if (step.model_root && step.state_root)
        check_roots(step_, *step.model_root, *step.state_root);
    } else if (type == "eval") {
      logs::parse_eval(event, what);
    } else if (type == "task") {
      logs::parse_task(event, what);
    }
  }

  std::vector<Finding> take() {
    const bool logged = num_segments_ == run_.segments.size() ||
                        run_.segments[num_segments_].first_step >= run_.step;
    if (!logged) add_finding("lacks the line of a segment that its manifest names");
    if (step_ < run_.step) {
      add_finding("ends at step " + std::to_string(step_) + ", but the run claims step " +
                  std::to_string(run_.step));
    }
    return std::move(findings_);
  }

 private:
  // Each segment of the manifest has one line, in order; the newest may have none yet.
  void check_segment(const logs::SegmentEvent& event) {
    if (num_segments_ < run_.segments.size()) {
      const auto& claim = run_.segments[num_segments_];
      if (claim.first_step == event.step && claim.derivation == event.derivation) {
        ++num_segments_;
        return;
      }
    }
    add_finding("has a segment line at step " + std::to_string(event.step) +
                " that its manifest does not name");
  }
  void check_roots(std::int64_t step, const Digest& model, const Digest& state) {
    const auto found = states_.find(step);
    if (found == states_.end()) return;
    if (found->second->model_root == model && found->second->state_root == state) return;
    findings_.push_back({Severity::mismatch,
                         "log",
                         path_,
                         found->second->manifest.hex(),
                         {},
                         describe(run_, LogKind::log) + ": the roots logged for step " +
                             std::to_string(step) + " are not those of the stored state"});
  }
  void add_finding(const std::string& message) {
    findings_.push_back(
        {Severity::mismatch, "log", path_, "", {}, describe(run_, LogKind::log) + " " + message});
  }

  const manifests::Run& run_;
  const std::string& path_;
  std::map<std::int64_t, const manifests::StoredState*> states_;
  std::int64_t step_ = 0;
  std::size_t num_segments_ = 0;  // logged so far
  std::vector<Finding> findings_;
};

}  // namespace

std::string log_genesis(const manifests::Run& run, LogKind kind) {
  if (kind == LogKind::telemetry) return logs::genesis(logs::kTelemetrySchema, run.id);
  return logs::genesis(logs::kLogSchema, run.segments.front().derivation.hex());
}

const manifests::LogSummary& log_summary(const manifests::Run& run, LogKind kind) {
  return kind == LogKind::log ? run.log : run.telemetry;
}

std::string read_log(const artifacts::Store& store, const manifests::LogSummary& summary) {
  std::string text;
  for (const auto& piece : summary.pieces) {
    const std::string bytes = store.get(piece.digest, kMaxPieceBytes);
    const auto lines = std::count(bytes.begin(), bytes.end(), '\n');
    if (static_cast<std::int64_t>(bytes.size()) != piece.size || lines != piece.lines) {
      throw Error(Code::corruption, "log piece " + piece.digest.short_hex() + " in " +
                                        store.object_path(piece.digest) +
                                        " has not the size or lines that the run manifest claims");
    }
    text += bytes;
  }
  return text;
}

PublishedLines read_published(const artifacts::Store& store, const manifests::Run& run,
                              LogKind kind) {
  const manifests::LogSummary& summary = log_summary(run, kind);
  const std::string what = describe(run, kind);
  PublishedLines lines;
  lines.text = read_log(store, summary);
  auto checked = logs::check_lines(lines.text, log_genesis(run, kind), what, false);
  if (summary.lines != 0 && checked.head != summary.head) {
    throw Error(Code::corruption, what + " does not end with the head that its manifest names");
  }
  lines.events = std::move(checked.events);
  return lines;
}

std::vector<LogLine> split_log(std::string_view log) {
  std::vector<LogLine> lines;
  while (!log.empty()) {
    const auto end = log.find('\n');
    LogLine line;
    line.text = log.substr(0, end);
    const std::string_view type = raw_value(line.text, "type");
    if (type.size() >= 2) line.type = type.substr(1, type.size() - 2);
    line.step = find_integer(raw_value(line.text, "step")).value_or(-1);
    lines.push_back(std::move(line));
    if (end == std::string_view::npos) break;
    log.remove_prefix(end + 1);
  }
  return lines;
}

std::string without_chain(std::string_view line) {
  constexpr std::string_view kMark = "\"chain\":\"";
  const auto at = line.find(kMark);
  if (at == std::string_view::npos) return std::string(line);
  const auto end = line.find('"', at + kMark.size());
  if (end == std::string_view::npos) return std::string(line);
  std::string text(line.substr(0, at));
  std::string_view rest = line.substr(end + 1);
  if (rest.starts_with(',')) {
    rest.remove_prefix(1);
  } else if (text.ends_with(',')) {
    text.pop_back();
  }
  return text.append(rest);
}

std::vector<Finding> check_published(const manifests::Run& run, LogKind kind, std::string_view text,
                                     const std::string& path) {
  const auto& summary = log_summary(run, kind);
  const std::string what = describe(run, kind);
  std::vector<Finding> findings;
  if (!has_pieces(text, summary)) {
    findings.push_back(corrupt(kind, path, what + " has pieces of other sizes than claimed"));
  }
  try {
    const auto checked = logs::check_lines(text, log_genesis(run, kind), what, false);
    if (checked.head != summary.head && summary.lines != 0) {
      findings.push_back(
          corrupt(kind, path, what + " does not end in the head its manifest names"));
    }
    if (static_cast<std::int64_t>(checked.events.size()) != summary.lines) {
      findings.push_back(corrupt(kind, path, what + " has another number of lines than claimed"));
    }
    if (kind == LogKind::log) {
      StepOrder order(run, path);
      for (const Json& event : checked.events) order.add(event);
      for (Finding& finding : order.take()) findings.push_back(std::move(finding));
    }
  } catch (const Error& error) {
    findings.push_back(finding_of(error, std::string(kind_word(kind)), path));
  }
  return findings;
}

logs::RunSpikes find_spikes(const artifacts::Store& store, const manifests::Run& run) {
  const std::string what = describe(run, LogKind::log);
  const std::string text = read_log(store, run.log);
  std::vector<Json> events;
  for (const LogLine& line : split_log(text)) {
    if (line.type == "step") events.push_back(parse_json(line.text, what));
  }
  return logs::run_spikes(events, what);
}

std::optional<double> find_step_seconds(const artifacts::Store& store, const manifests::Run& run) {
  std::vector<double> seconds;
  std::string text;
  try {
    text = read_log(store, run.telemetry);
  } catch (const Error&) {  // an estimate is no place to report damage
    return std::nullopt;
  }
  for (const LogLine& line : split_log(text)) {
    if (line.type != "step") continue;
    const std::string_view value = raw_value(line.text, "seconds");
    if (value.size() < 2) continue;
    const auto number = find_number(value.substr(1, value.size() - 2));
    if (number && *number >= 0) seconds.push_back(*number);
  }
  if (seconds.empty()) return std::nullopt;
  const auto middle = seconds.begin() + static_cast<long>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

}  // namespace repro::verify
