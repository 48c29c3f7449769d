// Logs of other trainers as curves: CSV with a column of steps, JSON lines, TensorBoard's event
// files. Pure: bytes in, records out; nothing is executed, and nothing larger than the limits is
// made, whatever the bytes say.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/record.h"

namespace repro::imports {

struct ForeignLog {
  std::vector<manifests::Record> records;  // a curve a name, in their order, each of one series
  std::int64_t points = 0;
  std::int64_t replaced = 0;         // values of a step that was logged again: the last one counts
  std::int64_t not_finite = 0;       // of the points: kept, drawn as gaps
  std::vector<std::string> ignored;  // names that had no numbers, in order
};

enum class LogFormat : std::uint8_t { csv, jsonl, tensorboard };
std::string_view log_format_name(LogFormat format);
// "csv", "jsonl", "tensorboard". Error(invalid_argument) for others.
LogFormat parse_log_format(std::string_view name);
// By the name of a file: *.csv, *.jsonl, *.ndjson, *tfevents*. Error(invalid_argument).
LogFormat guess_log_format(std::string_view file);

// `file`: its name for messages, "FILE:LINE: ..." or "FILE: record N at byte B: ...". Steps are
// 0..2^48; at most 4096 names of 512 bytes and a million points. Error(corruption) for a
// TensorBoard file that is cut, whose checksums do not fit or whose records are no events;
// Error(invalid_argument) for text that is no such log, and where the limits are exceeded.
//   csv          a heading; the column of steps is one of step, Step, _step, global_step,
//                iteration; empty cells say nothing; a column whose first cell is no number is
//                ignored, other cells that are none are errors
//   jsonl        an object a line, with a key of those; members of objects are "outer.inner"; what
//                is no number is ignored, lines without a step too
//   tensorboard  scalars: simple_value, and tensors of one float or double
ForeignLog read_foreign_log(LogFormat format, std::string_view file, std::string_view bytes);

// Gathers points; the limits above.
class LogCollector {
 public:
  explicit LogCollector(std::string_view file) : file_(file) {}

  void add(const std::string& name, std::int64_t step, double value);
  void ignore(const std::string& name);
  // Error(invalid_argument) where there are no points.
  ForeignLog take();

 private:
  std::string file_;
  std::map<std::string, std::map<std::int64_t, double>> curves_;
  std::map<std::string, bool> ignored_;
  std::int64_t points_ = 0;
  std::int64_t replaced_ = 0;
};

// The format's own readers.
ForeignLog read_csv_log(std::string_view file, std::string_view text);
ForeignLog read_jsonl_log(std::string_view file, std::string_view text);
ForeignLog read_tensorboard_log(std::string_view file, std::string_view bytes);

inline constexpr std::int64_t kMaxLogStep = std::int64_t{1} << 48;

}  // namespace repro::imports
