#include "imports/csv.h"

#include <algorithm>

namespace repro::imports {
namespace {

// Takes a quoted field off `rest`, which begins behind its first quote.
std::optional<std::string> take_quoted(std::string_view& rest) {
  std::string field;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '"') {
      field += c;
    } else if (rest.starts_with('"')) {
      field += '"';
      rest.remove_prefix(1);
    } else {
      return field;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::vector<std::string>> split_csv_line(std::string_view line) {
  std::vector<std::string> fields;
  for (;;) {
    if (line.starts_with('"')) {
      line.remove_prefix(1);
      auto field = take_quoted(line);
      if (!field || (!line.empty() && line.front() != ',')) return std::nullopt;
      fields.push_back(*std::move(field));
    } else {
      const std::string_view field = line.substr(0, line.find(','));
      if (field.find('"') != field.npos) return std::nullopt;
      fields.emplace_back(field);
      line.remove_prefix(field.size());
    }
    if (line.empty()) return fields;
    line.remove_prefix(1);
  }
}

std::string_view take_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace repro::imports
