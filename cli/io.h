// Where a command writes: text for people or JSON lines for programs, never both.
//
// Standard output carries the answer; standard error carries notes, progress and errors. Colour and
// progress bars appear only on a terminal. JSON lines are one object each with `type` and `schema`
// ("repro.cli.TYPE/1"); their keys are API (docs/cli.md).
// Borrows its streams. Thread rules: one thread.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/json.h"

namespace repro::cli {

enum class Paint : std::uint8_t { good, bad, warn, dim, bold };

struct IoSettings {
  bool json = false;
  bool out_terminal = false;
  bool error_terminal = false;
  bool colour = false;  // wanted at all (NO_COLOR, TERM=dumb); still only on a terminal
};

class Io {
 public:
  Io(std::ostream& out, std::ostream& error, IoSettings settings)
      : out_(&out), error_(&error), settings_(settings) {}
  // The process's own streams, with terminals detected.
  static Io standard();

  bool json() const { return settings_.json; }
  void set_json(bool json) { settings_.json = json; }
  bool out_terminal() const { return settings_.out_terminal; }
  bool error_terminal() const { return settings_.error_terminal; }

  // A line of the answer, for people; nothing under --json.
  void line(std::string_view text = "");
  // An answer of several lines or raw bytes, written as it is, also under --json.
  void raw(std::string_view bytes);
  // A JSON line of the answer; nothing without --json. `object` gets the keys "type" and "schema".
  void emit(std::string_view type, Json object);
  // A line of JSON as it is, with its newline added; nothing without --json.
  void emit_raw(std::string_view line);
  // Columns padded to the widest cell; the first row is the heading; nothing under --json.
  void table(const std::vector<std::vector<std::string>>& rows);
  // A line on standard error, for people; nothing under --json.
  void note(std::string_view text);
  // Standard error as it is: progress bars and error lines.
  void error_raw(std::string_view bytes);
  // `text` in colour where standard output is a terminal, else `text`.
  std::string paint(Paint paint, std::string_view text) const;

 private:
  std::ostream* out_;
  std::ostream* error_;
  IoSettings settings_;
};

// "1.2 MiB", "734 B".
std::string bytes_text(std::uint64_t bytes);
// "12,345,678".
std::string count_text(std::int64_t count);
// "1 run", "2 runs".
std::string plural_text(std::int64_t count, std::string_view noun);
// "3.2 s", "4 min 05 s", "2 h 10 min".
std::string duration_text(double seconds);

}  // namespace repro::cli
