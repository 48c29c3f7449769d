// Reading, checking and writing single values of the key table.
#include <algorithm>
#include <cmath>
#include <optional>

#include "artifacts/base/number_text.h"
#include "artifacts/base/spelling.h"
#include "manifests/config_table.h"
#include "manifests/text_checks.h"

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxRanges = 4096;
constexpr std::size_t kShownBytes = 60;

// What a person typed, safe to print.
std::string quoted(std::string_view text) {
  if (!is_plain_text(text, std::string_view::npos)) return "not readable text";
  if (text.size() <= kShownBytes) return "\"" + std::string(text) + "\"";
  std::size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return "\"" + std::string(text.substr(0, cut)) + "...\"";
}

std::string prefix(std::string_view where) {
  return where.empty() ? std::string() : std::string(where) + ": ";
}

std::string expectation(const KeyRow& row) {
  switch (row.key.type) {
    case KeyType::text:
      return row.limits.names.empty() ? "printable text" : "one of " + row.key.allowed;
    case KeyType::integer:
      return "an integer in " + row.key.allowed;
    case KeyType::decimal:
      return "a decimal number in " + row.key.allowed;
    case KeyType::boolean:
      return "true or false";
    case KeyType::ranges:
      return "ranges of batches " + row.key.allowed;
  }
  return "";
}

// Only the one way to write an integer: no sign +, leading zero, exponent or separator.
std::optional<std::int64_t> find_plain_integer(std::string_view text) {
  const auto value = find_integer(text);
  return value && std::to_string(*value) == text ? value : std::nullopt;
}

std::optional<double> find_decimal(std::string_view text) {
  if (text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  const auto value = find_number(text);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return *value == 0 ? 0.0 : *value;  // -0 would be a second name of the same recipe
}

std::optional<std::pair<std::int64_t, std::int64_t>> find_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto first = find_plain_integer(text.substr(0, dots));
  const auto last = find_plain_integer(text.substr(dots + 2));
  if (!first || !last) return std::nullopt;
  return std::pair(*first, *last);
}

std::optional<Ranges> find_ranges(std::string_view text) {
  Ranges list;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto range = find_range(text.substr(0, comma));
    if (!range || list.size() == kMaxRanges) return std::nullopt;
    list.push_back(*range);
    if (comma + 1 == text.size()) return std::nullopt;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return list;
}

bool are_ordered(const Ranges& list, std::int64_t high) {
  std::int64_t end = 0;
  for (const auto& [first, last] : list) {
    if (first < end || last <= first || last > high) return false;
    end = last;
  }
  return list.size() <= kMaxRanges;
}

bool is_within(const KeyRow& row, const Field& field) {
  const Limits& limits = row.limits;
  if (const auto* value = std::get_if<std::string*>(&field)) {
    const auto& names = limits.names;
    return names.empty() ? is_plain_text(**value)
                         : std::find(names.begin(), names.end(), **value) != names.end();
  }
  if (const auto* value = std::get_if<std::int64_t*>(&field)) {
    return limits.low <= **value && **value <= limits.high;
  }
  if (const auto* value = std::get_if<double*>(&field)) {
    const bool below =
        limits.below_high ? **value < limits.decimal_high : **value <= limits.decimal_high;
    return limits.decimal_low <= **value && below;
  }
  if (const auto* value = std::get_if<Ranges*>(&field)) return are_ordered(**value, limits.high);
  return true;
}

// False where `text` is not of the field's type.
bool read_text(const Field& field, std::string_view text) {
  const auto assign = [](auto* target, const auto& value) {
    if (value) *target = *value;
    return value.has_value();
  };
  if (const auto* target = std::get_if<std::int64_t*>(&field)) {
    return assign(*target, find_plain_integer(text));
  }
  if (const auto* target = std::get_if<double*>(&field)) return assign(*target, find_decimal(text));
  if (const auto* target = std::get_if<Ranges*>(&field)) return assign(*target, find_ranges(text));
  if (const auto* target = std::get_if<bool*>(&field)) {
    **target = text == "true";
    return text == "true" || text == "false";
  }
  *std::get<std::string*>(field) = text;
  return true;
}

// The key a person meant: a sibling, the same last word elsewhere, or any similar path.
std::optional<std::string> find_meant_key(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? path : path.substr(dot + 1);
  const std::string_view section = dot == std::string_view::npos ? "" : path.substr(0, dot + 1);
  std::vector<std::string> siblings;
  std::vector<std::string> paths = key_sections();
  for (const ConfigKey& key : config_keys()) {
    paths.push_back(key.path);
    if (key.path.starts_with(section)) siblings.push_back(key.path.substr(section.size()));
    if (key.path.ends_with("." + std::string(last))) return key.path;
  }
  if (!section.empty()) {
    if (auto sibling = find_nearest(last, siblings)) return sibling;
  }
  return find_nearest(path, paths);
}

}  // namespace

void fail_unknown_key(std::string_view path, std::string_view where) {
  std::string message = prefix(where) + "unknown key " +
                        (is_plain_text(path, kShownBytes * 2) ? std::string(path) : quoted(path));
  if (const auto meant = find_meant_key(path)) message += "; did you mean " + *meant + "?";
  throw Error(Code::invalid_argument, message, "docs/recipes.md lists all keys");
}

void fail_value(const KeyRow& row, std::string_view text, std::string_view where) {
  std::string message =
      prefix(where) + row.key.path + " is " + quoted(text) + "; expected " + expectation(row);
  if (const auto meant = find_nearest(text, row.limits.names)) {
    message += "; did you mean " + *meant + "?";
  }
  throw Error(Code::invalid_argument, message, row.key.path + ": " + row.key.help);
}

std::string field_text(const Field& field) {
  if (const auto* value = std::get_if<std::string*>(&field)) return **value;
  if (const auto* value = std::get_if<std::int64_t*>(&field)) return std::to_string(**value);
  if (const auto* value = std::get_if<double*>(&field)) return decimal_text(**value);
  if (const auto* value = std::get_if<bool*>(&field)) return **value ? "true" : "false";
  std::string text;
  for (const auto& [first, last] : *std::get<Ranges*>(field)) {
    text += (text.empty() ? "" : ",") + std::to_string(first) + ".." + std::to_string(last);
  }
  return text;
}

void set_field_text(const KeyRow& row, const Field& field, std::string_view text,
                    std::string_view where) {
  if (!read_text(field, text) || !is_within(row, field)) fail_value(row, text, where);
}

void check_limits(const KeyRow& row, const Field& field, std::string_view where) {
  if (!is_within(row, field)) fail_value(row, field_text(field), where);
}

}  // namespace repro::manifests
