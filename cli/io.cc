#include "cli/io.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>

#include "artifacts/base/environment.h"

namespace repro::cli {
namespace {

std::string_view paint_code(Paint paint) {
  switch (paint) {
    case Paint::good:
      return "32";
    case Paint::bad:
      return "31";
    case Paint::warn:
      return "33";
    case Paint::dim:
      return "2";
    case Paint::bold:
      return "1";
  }
  return "0";
}

std::string padded_row(const std::vector<std::string>& row,
                       const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool last = i + 1 == row.size();
    line += last ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Io Io::standard() {
  IoSettings settings;
  settings.out_terminal = ::isatty(STDOUT_FILENO) == 1;
  settings.error_terminal = ::isatty(STDERR_FILENO) == 1;
  const bool no_colour = !find_environment("NO_COLOR").value_or("").empty();
  settings.colour = !no_colour && find_environment("TERM").value_or("dumb") != "dumb";
  return Io(std::cout, std::cerr, settings);
}

void Io::line(std::string_view text) {
  if (!settings_.json) *out_ << text << '\n';
}

void Io::raw(std::string_view bytes) {
  out_->write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void Io::emit(std::string_view type, Json object) {
  if (!settings_.json) return;
  object["type"] = type;
  object["schema"] = fmt::format("repro.cli.{}/1", type);
  // Paths may be any bytes; what is printed must still be JSON.
  *out_ << object.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  out_->flush();
}

void Io::emit_raw(std::string_view line) {
  if (settings_.json) *out_ << line << '\n';
}

void Io::table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  bool heading = true;
  for (const auto& row : rows) {
    const std::string text = padded_row(row, widths);
    line(heading ? paint(Paint::bold, text) : text);
    heading = false;
  }
}

void Io::note(std::string_view text) {
  if (!settings_.json) *error_ << text << std::endl;
}

void Io::error_raw(std::string_view bytes) { *error_ << bytes << std::flush; }

std::string Io::paint(Paint paint, std::string_view text) const {
  if (!settings_.colour || !settings_.out_terminal) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", paint_code(paint), text);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string count_text(std::int64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool between = i > 0 && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-';
    if (between) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string plural_text(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string duration_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  return fmt::format("{} d {:02} h", whole / 86400, whole / 3600 % 24);
}

}  // namespace repro::cli
