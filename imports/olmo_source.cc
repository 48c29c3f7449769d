#include "imports/olmo_source.h"

#include <cmath>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"

namespace repro::imports {
namespace {

constexpr double kMaxExact = 9007199254740992.0;  // 2^53

// At most 60 bytes, cut between characters.
std::string short_text(std::string text) {
  constexpr std::size_t kMaxShown = 60;
  if (text.size() <= kMaxShown) return text;
  std::size_t cut = kMaxShown;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + "...";
}

bool is_true(std::string_view text) { return text == "true" || text == "True" || text == "TRUE"; }

bool is_false(std::string_view text) {
  return text == "false" || text == "False" || text == "FALSE";
}

bool are_same(const std::string& a, std::string_view b) {
  if (a == b || (is_true(a) && is_true(b)) || (is_false(a) && is_false(b))) return true;
  const auto x = find_plain_number(a);
  return x && x == find_plain_number(b);
}

bool is_below(std::string_view path, std::string_view group) {
  return path.starts_with(group) && path.substr(group.size()).starts_with(".");
}

}  // namespace

std::optional<double> find_plain_number(std::string_view text) {
  if (text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  const bool octal = text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
  const auto value = octal ? std::nullopt : find_number(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

OlmoSource::OlmoSource(std::string_view file, std::string_view text) : file_(file) {
  for (Setting& setting : read_settings(file, text)) put(std::move(setting), "");
}

void OlmoSource::put(Setting setting, std::string_view origin) {
  const std::string path = setting.path;
  const std::string at =
      origin.empty() ? file_ + ":" + std::to_string(setting.line) : std::string(origin);
  if (find_olmo_key(path) == nullptr) fail_unknown_olmo_key(path, at);
  Value value{std::move(setting), std::string(origin), std::nullopt};
  const auto found = values_.find(path);
  if (found != values_.end()) {
    value.was = found->second.origin.empty() ? found->second.setting.shown() : found->second.was;
  }
  std::erase_if(values_, [&](const auto& entry) {
    return is_below(entry.first, path) || is_below(path, entry.first);
  });
  values_.insert_or_assign(path, std::move(value));
}

void OlmoSource::change(std::string_view assignment, std::string_view origin) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error(Code::invalid_argument,
                std::string(origin) + " needs KEY=VALUE, not '" + std::string(assignment) + "'",
                "keys are those of the file, like optimizer.learning_rate=9.0e-4");
  }
  const std::string key(assignment.substr(0, equals));
  const std::string yaml = "v: " + std::string(assignment.substr(equals + 1));
  for (Setting& setting : read_settings(origin, yaml)) {
    if (setting.path != "v" && !setting.path.starts_with("v.")) {
      throw Error(Code::invalid_argument,
                  std::string(origin) + ": '" + key + "' has several values",
                  "give one KEY=VALUE at a time");
    }
    setting.path = key + setting.path.substr(1);
    put(std::move(setting), origin);
  }
}

void OlmoSource::resolve() {
  std::vector<Setting> settings;
  for (const auto& [path, value] : values_) settings.push_back(value.setting);
  resolve_references(file_, settings);
  for (Setting& setting : settings) values_.at(setting.path).setting = std::move(setting);
}

std::vector<std::string> OlmoSource::paths() const {
  std::vector<std::string> list;
  for (const auto& [path, value] : values_) list.push_back(path);
  return list;
}

std::string OlmoSource::where(std::string_view path) const {
  const auto found = values_.find(path);
  if (found == values_.end()) return file_;
  const Value& value = found->second;
  return value.origin.empty() ? file_ + ":" + std::to_string(value.setting.line) : value.origin;
}

std::string OlmoSource::comment(std::string_view path) const {
  const std::string text = std::string(path) + ": " + short_text(shown(path));
  const auto found = values_.find(path);
  if (found == values_.end()) return text + " (the trainer's default)";
  const Value& value = found->second;
  if (value.origin.empty()) return text;
  return text + " (" + value.origin +
         (value.was ? "; the file says " + short_text(*value.was) : "") + ")";
}

Setting OlmoSource::setting_of(std::string_view path) const {
  const auto found = values_.find(path);
  if (found != values_.end()) return found->second.setting;
  const OlmoKey* key = find_olmo_key(path);
  REPRO_CHECK(key != nullptr);
  Setting setting;
  setting.path = path;
  setting.text = key->fallback;
  setting.kind = key->fallback == "null" ? SettingKind::null : SettingKind::scalar;
  return setting;
}

std::string OlmoSource::shown(std::string_view path) const { return setting_of(path).shown(); }

bool OlmoSource::is_null(std::string_view path) const {
  return setting_of(path).kind == SettingKind::null;
}

bool OlmoSource::boolean(std::string_view path) const {
  const std::string text = shown(path);
  if (!is_true(text) && !is_false(text)) fail(path, "expected true or false", "");
  return is_true(text);
}

double OlmoSource::number(std::string_view path) const {
  const Setting setting = setting_of(path);
  const auto value =
      setting.kind == SettingKind::scalar ? find_plain_number(setting.text) : std::nullopt;
  if (!value) {
    fail(path, "expected a number",
         "write it in decimal, like 0.1, 3e-4 or 4096, without separators");
  }
  return *value;
}

std::int64_t OlmoSource::integer(std::string_view path, std::int64_t low, std::int64_t high) const {
  const double value = number(path);
  const bool whole = std::abs(value) <= kMaxExact && std::floor(value) == value;
  const auto integer = whole ? static_cast<std::int64_t>(value) : 0;
  if (!whole || integer < low || integer > high) {
    fail(path, "expected an integer in " + std::to_string(low) + ".." + std::to_string(high), "");
  }
  return integer;
}

std::vector<std::string> OlmoSource::texts(std::string_view path) const {
  const Setting setting = setting_of(path);
  if (setting.kind == SettingKind::null) return {};
  if (setting.kind == SettingKind::list) return setting.items;
  return {setting.shown()};
}

bool OlmoSource::is_one_of(std::string_view path, std::string_view wanted) const {
  const std::string text = shown(path);
  while (!wanted.empty()) {
    const std::size_t bar = std::min(wanted.find('|'), wanted.size());
    if (are_same(text, wanted.substr(0, bar))) return true;
    wanted.remove_prefix(std::min(bar + 1, wanted.size()));
  }
  return false;
}

void OlmoSource::fail(std::string_view path, const std::string& why,
                      const std::string& hint) const {
  const std::string name(path);
  throw Error(Code::invalid_argument,
              where(path) + ": " + name + " is " + short_text(shown(path)) +
                  (has(path) ? "" : " (the trainer's default, as nothing says it)") + "; " + why,
              hint.empty() ? "correct it with --set " + name + "=VALUE" : hint);
}

}  // namespace repro::imports
