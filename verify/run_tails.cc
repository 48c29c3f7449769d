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

// What is known of a run when its folder is checked.
struct FolderView {
  std::optional<Digest> target;
  std::optional<manifests::Run> run;
};

// nullopt where the published part itself is damaged: that is reported with the run, not here.
std::optional<FolderView> find_view(const artifacts::Store& store, const std::string& id) {
  try {
    FolderView view;
    if (const auto ref = store.find_ref("runs", id)) {
      view.target = ref->target;
      view.run = manifests::parse_run(store.get(ref->target), "run " + id);
    }
    return view;
  } catch (const Error&) {
    return std::nullopt;
  }
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

std::vector<Finding> check_tail_file(const artifacts::Store& store, const FolderView& view,
                                     const std::string& id, LogKind kind) {
  const std::string_view name = kind == LogKind::log ? kLogTail : kTelemetryTail;
  const std::string path = join_path(join_path(store.folder(), "runs/" + id), name);
  if (!store.files().exists(path)) return {};
  std::string published;
  std::string head;
  try {
    const std::string text = store.files().read_file(path, kMaxTailBytes);
    Torn torn = Torn::allowed;
    if (view.run) {
      try {
        published = read_log(store, log_summary(*view.run, kind));
      } catch (const Error&) {  // reported with the run
      }
      const auto& summary = log_summary(*view.run, kind);
      head = summary.lines == 0 ? log_genesis(*view.run, kind) : summary.head;
      if (view.run->status == manifests::RunStatus::finished) torn = Torn::refused;
    } else if (text.find('\n') != std::string::npos) {
      head = unpublished_genesis(text, id, kind);
    }
    return check_tail(text, {published, head}, torn, path);
  } catch (const Error& error) {
    return {finding_of(error, "tail", path)};
  }
}

}  // namespace

std::vector<Finding> check_run_folder(const artifacts::Store& store, const std::string& id) {
  // A training beside us may publish between our reading the ref and the tail; then look again.
  constexpr int kAttempts = 4;
  std::vector<Finding> findings;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    findings.clear();
    const auto view = find_view(store, id);
    if (!view) return {};
    for (const LogKind kind : {LogKind::log, LogKind::telemetry}) {
      for (Finding& finding : check_tail_file(store, *view, id, kind)) {
        findings.push_back(std::move(finding));
      }
    }
    const auto again = find_view(store, id);
    if (!again || again->target == view->target) break;
  }
  return findings;
}

}  // namespace repro::verify
