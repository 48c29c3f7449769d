// Working tails. A writer appends whole lines and empties the tail after each publication; a crash
// can leave (a) lines that are published already, (b) lines that are not, (c) a last line cut
// short. Only (c) has no chain value, so it is told from a damaged line by what it must be: a
// strict prefix of one JSON object. A flipped newline leaves a whole object with a byte behind it,
// which no writer does.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "logs/run_log.h"
#include "verify/run_logs.h"

namespace repro::verify {
namespace {

constexpr std::uint64_t kMaxTailBytes = std::uint64_t{1} << 32;

// Whether `text` may be the beginning of a line: one JSON object, perhaps not yet closed.
bool may_be_torn_line(std::string_view text) {
  if (!text.starts_with('{')) return false;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth == 0) return i + 1 == text.size();
  }
  return true;
}

// Where `line` (with its newline) stands at the beginning of a line of `published`.
std::size_t find_line(std::string_view published, std::string_view line) {
  std::size_t at = published.find(line);
  while (at != std::string_view::npos && at != 0 && published[at - 1] != '\n') {
    at = published.find(line, at + 1);
  }
  return at;
}

Finding tail_finding(Severity severity, const std::string& path, std::string message) {
  return {severity, "tail", path, "", {}, std::move(message)};
}

}  // namespace

std::vector<Finding> check_tail(std::string_view text, const TailPosition& position, Torn torn,
                                const std::string& path) {
  std::vector<Finding> findings;
  const auto newline = text.find('\n');
  if (newline != std::string_view::npos) {
    const std::size_t at = find_line(position.published, text.substr(0, newline + 1));
    if (at != std::string_view::npos) {
      const std::string_view rest = position.published.substr(at);
      const std::size_t count = std::min(rest.size(), text.size());
      if (text.substr(0, count) != rest.substr(0, count)) {
        return {tail_finding(Severity::corruption, path,
                             "the tail repeats published lines, but not byte for byte")};
      }
      findings.push_back(tail_finding(Severity::note, path, "the tail repeats published lines"));
      text.remove_prefix(count);
    }
  }
  try {
    const auto checked = logs::check_lines(text, position.head, path, true);
    const std::string_view left = text.substr(checked.bytes);
    if (left.empty()) return findings;
    if (torn == Torn::refused || !may_be_torn_line(left)) {
      findings.push_back(
          tail_finding(Severity::corruption, path, "the last line is damaged or not complete"));
    } else {
      findings.push_back(tail_finding(Severity::note, path,
                                      "the last line was never finished; the writer was killed"));
    }
  } catch (const Error& error) {
    findings.push_back(finding_of(error, "tail", path));
  }
  return findings;
}

namespace {

std::optional<manifests::Run> find_published(const artifacts::Store& store, const std::string& id) {
  const auto ref = store.find_ref("runs", id);
  if (!ref) return std::nullopt;
  return manifests::parse_run(store.get(ref->target), "run " + id);
}

// Before the first publication the log's first line says which derivation it belongs to.
std::string unpublished_genesis(std::string_view text, const std::string& id, LogKind kind) {
  if (kind == LogKind::telemetry) return logs::genesis(logs::kTelemetrySchema, id);
  const std::string_view line = text.substr(0, text.find('\n'));
  std::string derivation;
  try {
    derivation = json_string(parse_json(line, "first line"), "derivation", "first line");
  } catch (const Error&) {  // the chain check fails and says where
  }
  return logs::genesis(logs::kLogSchema, derivation);
}

// The tail is read before the ref: a training beside us may publish in between, and then the lines
// only repeat what is published.
std::vector<Finding> check_tail_file(const artifacts::Store& store, const std::string& id,
                                     LogKind kind) {
  const std::string_view name = kind == LogKind::log ? kLogTail : kTelemetryTail;
  const std::string path = join_path(store.run_folder(id), name);
  if (!store.files().exists(path)) return {};
  std::string text;
  try {
    text = store.files().read_file(path, kMaxTailBytes);
  } catch (const Error& error) {
    return {finding_of(error, "tail", path)};
  }
  if (text.empty()) return {};
  try {
    const auto run = find_published(store, id);
    if (!run)
      return check_tail(text, {"", unpublished_genesis(text, id, kind)}, Torn::allowed, path);
    const auto& summary = log_summary(*run, kind);
    const std::string head = summary.lines == 0 ? log_genesis(*run, kind) : summary.head;
    const bool finished = run->status == manifests::RunStatus::finished;
    return check_tail(text, {read_log(store, summary), head},
                      finished ? Torn::refused : Torn::allowed, path);
  } catch (const Error&) {  // the published part is damaged: reported with the run, not here
    return {};
  }
}

}  // namespace

std::vector<Finding> check_run_folder(const artifacts::Store& store, const std::string& id) {
  std::vector<Finding> findings = check_tail_file(store, id, LogKind::log);
  for (Finding& finding : check_tail_file(store, id, LogKind::telemetry)) {
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace repro::verify
