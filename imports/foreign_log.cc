#include "imports/foreign_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/base/number_text.h"
#include "imports/csv.h"
#include "manifests/text_checks.h"

namespace repro::imports {
namespace {

constexpr std::size_t kMaxNames = 4096;
constexpr std::size_t kMaxNameBytes = 512;
constexpr std::int64_t kMaxPoints = 1'000'000;
constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
constexpr std::array<std::string_view, 5> kStepNames = {"step", "Step", "_step", "global_step",
                                                        "iteration"};
constexpr std::array<std::pair<std::string_view, LogFormat>, 3> kFormats = {
    {{"csv", LogFormat::csv},
     {"jsonl", LogFormat::jsonl},
     {"tensorboard", LogFormat::tensorboard}}};

[[noreturn]] void fail_at(std::string_view file, std::int64_t line, const std::string& why) {
  throw Error(Code::invalid_argument, std::string(file) + ":" + std::to_string(line) + ": " + why,
              "a log has a step and numbers on each line (docs/imports.md)");
}

// A number as programs print it; what "nan" and "inf" are called differs.
std::optional<double> find_value(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  if (text == "infinity") text = "inf";
  if (text == "-infinity") text = "-inf";
  if (text.starts_with('+')) text.erase(0, 1);
  return find_number(text);
}

std::optional<std::int64_t> find_step(double value) {
  const bool whole =
      value >= 0 && value <= static_cast<double>(kMaxLogStep) && std::floor(value) == value;
  return whole ? std::optional(static_cast<std::int64_t>(value)) : std::nullopt;
}

std::vector<std::string> split_line(std::string_view file, std::string_view line,
                                    std::int64_t number) {
  if (line.size() > kMaxLineBytes) fail_at(file, number, "the line is longer than 1 MiB");
  auto fields = split_csv_line(line);
  if (!fields) fail_at(file, number, "its quotes do not fit");
  if (fields->size() > kMaxNames) fail_at(file, number, "more than 4096 columns");
  return *std::move(fields);
}

std::size_t step_column(std::string_view file, const std::vector<std::string>& heading) {
  for (const std::string_view name : kStepNames) {
    const auto found = std::find(heading.begin(), heading.end(), name);
    if (found != heading.end()) return static_cast<std::size_t>(found - heading.begin());
  }
  fail_at(file, 1, "no column is named step, Step, _step, global_step or iteration");
}

class CsvReader {
 public:
  CsvReader(std::string_view file, std::string_view text) : file_(file), text_(text) {}

  ForeignLog read() {
    heading_ = split_line(file_, take_line(text_), 1);
    std::vector<std::string> names = heading_;
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
      fail_at(file_, 1, "two columns have one name");
    }
    step_column_ = step_column(file_, heading_);
    kinds_.assign(heading_.size(), Kind::unknown);
    for (std::int64_t number = 2; !text_.empty(); ++number) read_row(number);
    return log_.take();
  }

 private:
  enum class Kind : std::uint8_t { unknown, numbers, other };

  void read_row(std::int64_t number) {
    const auto fields = split_line(file_, take_line(text_), number);
    if (fields.size() != heading_.size()) {
      fail_at(file_, number,
              std::to_string(fields.size()) + " fields, not " + std::to_string(heading_.size()));
    }
    const auto value = find_value(fields[step_column_]);
    const auto step = value ? find_step(*value) : std::nullopt;
    if (!step) fail_at(file_, number, "'" + fields[step_column_] + "' is no step");
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i != step_column_ && !fields[i].empty()) read_cell(i, *step, fields[i], number);
    }
  }

  void read_cell(std::size_t column, std::int64_t step, const std::string& cell,
                 std::int64_t number) {
    if (kinds_[column] == Kind::other) return;
    const auto value = find_value(cell);
    if (value) {
      kinds_[column] = Kind::numbers;
      log_.add(heading_[column], step, *value);
    } else if (kinds_[column] == Kind::unknown) {
      kinds_[column] = Kind::other;
      log_.ignore(heading_[column]);
    } else {
      fail_at(file_, number, "'" + cell + "' is no number");
    }
  }

  std::string_view file_;
  std::string_view text_;
  std::vector<std::string> heading_;
  std::size_t step_column_ = 0;
  std::vector<Kind> kinds_;
  LogCollector log_{file_};
};

std::optional<std::int64_t> step_of(const Json& line) {
  for (const std::string_view name : kStepNames) {
    const auto found = line.find(name);
    if (found != line.end() && found->is_number()) return find_step(found->get<double>());
  }
  return std::nullopt;
}

bool is_step_name(std::string_view name) {
  return std::find(kStepNames.begin(), kStepNames.end(), name) != kStepNames.end();
}

// Depth is bounded by parse_json.
void add_members(const Json& object, const std::string& prefix, std::int64_t step,
                 LogCollector& log) {
  for (const auto& [key, value] : object.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (prefix.empty() && is_step_name(key)) continue;
    if (value.is_object()) {
      add_members(value, name, step, log);
    } else if (value.is_number()) {
      log.add(name, step, value.get<double>());
    } else if (!value.is_null()) {
      log.ignore(name);
    }
  }
}

}  // namespace

void LogCollector::add(const std::string& name, std::int64_t step, double value) {
  auto curve = curves_.find(name);
  if (curve == curves_.end()) {
    if (!manifests::is_plain_text(name, kMaxNameBytes) || name.empty()) {
      throw Error(Code::invalid_argument,
                  file_ +
                      ": a name is empty, longer than 512 bytes, no UTF-8 or has control "
                      "characters");
    }
    if (curves_.size() == kMaxNames) {
      throw Error(Code::invalid_argument, file_ + ": more than 4096 names of curves",
                  "take out what is not to be shown, such as values of single tensors");
    }
    curve = curves_.try_emplace(name).first;
  }
  std::map<std::int64_t, double>& points = curve->second;
  const std::size_t before = points.size();
  points.insert_or_assign(points.end(), step, value);  // most logs ascend
  (points.size() > before ? points_ : replaced_) += 1;
  if (points_ > kMaxPoints) {
    throw Error(Code::invalid_argument, file_ + ": more than a million points",
                "take out what is not to be shown, such as values of single tensors");
  }
}

void LogCollector::ignore(const std::string& name) {
  if (ignored_.size() < kMaxNames && manifests::is_plain_text(name, kMaxNameBytes)) {
    ignored_[name] = true;
  }
}

ForeignLog LogCollector::take() {
  if (curves_.empty()) {
    throw Error(Code::invalid_argument, file_ + " holds no numbers of steps",
                "give the --format if it was guessed wrong");
  }
  ForeignLog log;
  log.points = points_;
  log.replaced = replaced_;
  for (const auto& [name, points] : curves_) {
    manifests::Series series{name, {}, {}};
    for (const auto& [step, value] : points) {
      series.steps.push_back(step);
      series.values.push_back(value);
      log.not_finite += std::isfinite(value) ? 0 : 1;
    }
    log.records.emplace_back(manifests::Curve{name, {std::move(series)}});
  }
  for (const auto& [name, seen] : ignored_) {
    if (!curves_.contains(name)) log.ignored.push_back(name);
  }
  return log;
}

ForeignLog read_csv_log(std::string_view file, std::string_view text) {
  return CsvReader(file, text).read();
}

ForeignLog read_jsonl_log(std::string_view file, std::string_view text) {
  LogCollector log(file);
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (line.empty()) continue;
    const std::string what = std::string(file) + ":" + std::to_string(number);
    const Json json = parse_json(line, what, kMaxLineBytes);
    if (!json.is_object()) fail_at(file, number, "is no JSON object");
    if (const auto step = step_of(json)) add_members(json, "", *step, log);
  }
  return log.take();
}

std::string_view log_format_name(LogFormat format) {
  return kFormats.at(static_cast<std::size_t>(format)).first;
}

LogFormat parse_log_format(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  throw Error(Code::invalid_argument, "there is no log format '" + std::string(name) + "'",
              "--format takes csv, jsonl or tensorboard");
}

LogFormat guess_log_format(std::string_view file) {
  if (file.ends_with(".csv")) return LogFormat::csv;
  if (file.ends_with(".jsonl") || file.ends_with(".ndjson")) return LogFormat::jsonl;
  if (file.find("tfevents") != std::string_view::npos) return LogFormat::tensorboard;
  throw Error(Code::invalid_argument,
              "the name of " + std::string(file) + " does not say what kind of log it is",
              "give --format csv, jsonl or tensorboard");
}

ForeignLog read_foreign_log(LogFormat format, std::string_view file, std::string_view bytes) {
  switch (format) {
    case LogFormat::csv:
      return read_csv_log(file, bytes);
    case LogFormat::jsonl:
      return read_jsonl_log(file, bytes);
    case LogFormat::tensorboard:
      break;
  }
  return read_tensorboard_log(file, bytes);
}

}  // namespace repro::imports
