// Hash-chained logs: canonical JSON, one object a line (docs/formats.md, "Logs").
//
//   line  = canonical JSON of the event with one more key, "chain"
//   chain = hex SHA-256 of (previous chain hex || "\n" || canonical JSON of the event without
//   "chain") the chain before the first line is hex SHA-256 of the text "SCHEMA\nSUBJECT" (log:
//   schema "repro.log/1", subject = hex derivation of the first segment; telemetry:
//   "repro.telemetry/1", run id)
//
// So no line can be changed, moved or dropped without changing every later chain value, and the
// head names the whole log. The log holds only what the derivation decides and is byte-equal
// between two realisations; telemetry is never compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/json.h"

namespace repro::logs {

inline constexpr std::string_view kLogSchema = "repro.log/1";
inline constexpr std::string_view kTelemetrySchema = "repro.telemetry/1";

// Chain value before the first line.
std::string genesis(std::string_view schema, std::string_view subject);

// Makes lines; holds only the running chain value.
class Chain {
 public:
  explicit Chain(std::string head) : head_(std::move(head)) {}
  // The line for `event` (an object without "chain"), with its newline.
  std::string append(const Json& event);
  const std::string& head() const { return head_; }

 private:
  std::string head_;
};

struct CheckedLines {
  std::vector<Json> events;  // with "chain"
  std::string head;          // after the last complete line
  std::size_t bytes = 0;     // of complete, sound lines
  bool torn_tail = false;    // bytes after the last newline: a write that never finished
};
// Verifies the chain from `head` over `text`. Error(corruption) names `what` and the line number. A
// torn tail is an error unless `allow_torn_tail` (an unfinished run after a crash).
CheckedLines check_lines(std::string_view text, std::string_view head, std::string_view what,
                         bool allow_torn_tail);

// --- events of the log ---------------------------------------------------------------------------

// Sums are integers in units of 2^-30 nats (docs/arithmetic.md), so they are equal everywhere.
struct StepEvent {
  std::int64_t step = 0;
  std::int64_t tokens = 0;      // target tokens in the step; 0: no sums either
  std::int64_t loss_sum = 0;    // cross-entropy, without z
  std::int64_t z_loss_sum = 0;  // the z term alone
  double grad_norm = 0;         // binary64
  float learning_rate = 0;
  Digest batch;  // SHA-256 of the batch's token ids, little-endian uint32, in order
  std::optional<Digest> model_root;  // at digest steps
  std::optional<Digest> state_root;
  bool skipped = false;  // the update was left out (skip_step_adamw)

  bool operator==(const StepEvent&) const = default;
};
// {"batch","grad_norm":hex float,"learning_rate":decimal,"loss":decimal of loss_sum/tokens*2^-30,
//  "loss_sum","model","skipped":true or absent,"state","step","tokens","type":"step","z_loss_sum"}
Json encode_step(const StepEvent& event);
StepEvent parse_step(const Json& event, std::string_view what);

struct EvalEvent {
  std::int64_t step = 0;
  std::int64_t tokens = 0;
  std::int64_t loss_sum = 0;
  std::int64_t correct = 0;  // targets that were the first maximum

  bool operator==(const EvalEvent&) const = default;
};
Json encode_eval(const EvalEvent& event);  // "type":"eval"
EvalEvent parse_eval(const Json& event, std::string_view what);

// What the model of a step scores on a task of eval.tasks: the sums that `repro eval` finds for it
// (manifests/evaluation.h, Measures).
struct TaskEvent {
  std::int64_t step = 0;
  std::string name;
  Digest task;         // SHA-256 of its file
  bool texts = false;  // of texts: the next three are 0
  std::int64_t correct = 0;
  std::int64_t correct_per_byte = 0;
  std::int64_t ties = 0;
  std::int64_t items = 0;
  std::int64_t dropped = 0;
  std::int64_t units = 0;  // of log-likelihood, 2^-30 nats
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;

  bool operator==(const TaskEvent&) const = default;
};
Json encode_task(const TaskEvent& event);  // "type":"task"
TaskEvent parse_task(const Json& event, std::string_view what);

// What an evaluation found.
using EvaluationEvent = std::variant<EvalEvent, TaskEvent>;
Json encode_evaluation(const EvaluationEvent& event);

// {"derivation","model","state","step","type":"segment","schema"}: first line of a log, and at each
// recorded segment.
struct SegmentEvent {
  std::int64_t step = 0;
  Digest derivation;
  Digest model_root;
  Digest state_root;

  bool operator==(const SegmentEvent&) const = default;
};
Json encode_segment(const SegmentEvent& event);
SegmentEvent parse_segment(const Json& event, std::string_view what);

// loss_sum * 2^-30 / tokens, as binary64 (for people; the integers are what counts); 0 for no sum
// of no tokens.
double mean_loss(std::int64_t loss_sum, std::int64_t tokens);

}  // namespace repro::logs
