// Logs and telemetry of a run: the published pieces, and the working tails beside them.
//
//   runs/ID/log-tail.jsonl, runs/ID/telemetry-tail.jsonl: lines made after the published ones;
//   emptied after each publication, so for a moment (or after a crash) they may repeat published
//   lines.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/json.h"
#include "artifacts/store/store.h"
#include "logs/spikes.h"
#include "manifests/run.h"
#include "verify/finding.h"

namespace repro::verify {

inline constexpr std::string_view kLogTail = "log-tail.jsonl";
inline constexpr std::string_view kTelemetryTail = "telemetry-tail.jsonl";
inline constexpr std::string_view kTraceFile = "trace.json";  // of a profile: nothing to check

// Which of the two chains of a run.
enum class LogKind : std::uint8_t { log, telemetry };

// What precedes the first line of the chain.
std::string log_genesis(const manifests::Run& run, LogKind kind);
const manifests::LogSummary& log_summary(const manifests::Run& run, LogKind kind);

// The published lines: pieces put together, each digest verified by the store; the chain is not
// checked. Error(corruption) or Error(not_found) names the piece.
std::string read_log(const artifacts::Store& store, const manifests::LogSummary& summary);

// The published lines, their chain checked down to the head that the manifest names.
// Error(corruption).
struct PublishedLines {
  std::string text;
  std::vector<Json> events;
};
PublishedLines read_published(const artifacts::Store& store, const manifests::Run& run,
                              LogKind kind);

// One line of a log, without its newline; text points into the log it was split from.
struct LogLine {
  std::string_view text;
  std::string type;  // "step", "eval", "segment"; "" where it cannot be told
  std::int64_t step = -1;
};
std::vector<LogLine> split_log(std::string_view log);
// The line without its "chain", so that lines of different chains can be compared.
std::string without_chain(std::string_view line);

// Whether `text`, after what is published, is what a writer may have left: repeated published
// lines, then lines that continue the chain, then (where `torn` allows) a line whose writing never
// ended.
enum class Torn : std::uint8_t { refused, allowed };
struct TailPosition {
  std::string_view published;  // all published lines
  std::string_view head;       // chain value after them
};
std::vector<Finding> check_tail(std::string_view text, const TailPosition& position, Torn torn,
                                const std::string& path);

// Chain, head, count and sizes of pieces against the manifest, for `text`, the pieces put together;
// for the log also steps in order and roots equal to those of the stored states. Findings carry
// `path`.
std::vector<Finding> check_published(const manifests::Run& run, LogKind kind, std::string_view text,
                                     const std::string& path);

// Checks the files of runs/`id`, with the run's published part where it has one.
std::vector<Finding> check_run_folder(const artifacts::Store& store, const std::string& id);

// Spikes of a run's published log, whose chain is not checked.
logs::RunSpikes find_spikes(const artifacts::Store& store, const manifests::Run& run);

// Median of the seconds a step took, from telemetry (published and tail); nullopt where it has
// none.
std::optional<double> find_step_seconds(const artifacts::Store& store, const manifests::Run& run);

}  // namespace repro::verify
