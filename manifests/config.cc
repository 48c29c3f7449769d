#include "manifests/config.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/number_text.h"
#include "manifests/config_table.h"
#include "manifests/json_fields.h"
#include "manifests/schema.h"

namespace repro::manifests {
namespace {

Json field_json(const Field& field) {
  if (const auto* value = std::get_if<std::string*>(&field)) return **value;
  if (const auto* value = std::get_if<std::int64_t*>(&field)) return **value;
  if (const auto* value = std::get_if<bool*>(&field)) return **value;
  if (const auto* value = std::get_if<double*>(&field)) return decimal_text(**value);
  Json list = Json::array();
  for (const auto& [first, last] : *std::get<Ranges*>(field)) {
    list.push_back(Json::array({first, last}));
  }
  return list;
}

// Section and last word of a path; the section is "" for top-level keys.
std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t dot = path.find('.');
  if (dot == std::string::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

Json& slot_of(Json& root, const std::string& path) {
  const auto [section, word] = split_path(path);
  return section.empty() ? root[word] : root[section][word];
}

// `config` by value: fields are handed out as pointers to change.
Json keys_json(Config config, std::optional<KeyClass> only) {
  Json root = Json::object();
  for (const KeyRow& row : key_rows()) {
    if (!only || row.key.key_class == *only) {
      slot_of(root, row.key.path) = field_json(row.field(config));
    }
  }
  return root;
}

Ranges read_ranges(const Json& parent, const std::string& word, std::string_view what) {
  Ranges list;
  for (const Json& item : json_array(parent, word, what)) {
    const bool pair = item.is_array() && item.size() == 2 && item[0].is_number_integer() &&
                      item[1].is_number_integer();
    if (!pair) fail_field(what, "key \"" + word + "\" is not a list of pairs of integers");
    list.emplace_back(item[0].get<std::int64_t>(), item[1].get<std::int64_t>());
  }
  return list;
}

// Reads one key of its canonical form.
void read_field(const Json& parent, const std::string& word, const Field& field,
                std::string_view what) {
  if (auto* const* value = std::get_if<std::string*>(&field)) {
    **value = json_string(parent, word, what);
  } else if (auto* const* number = std::get_if<std::int64_t*>(&field)) {
    **number = json_int(parent, word, what);
  } else if (auto* const* flag = std::get_if<bool*>(&field)) {
    **flag = json_bool(parent, word, what);
  } else if (auto* const* decimal = std::get_if<double*>(&field)) {
    const std::string text = json_string(parent, word, what);
    const auto found = find_number(text);
    if (!found || decimal_text(*found) != text) {
      fail_field(what, "key \"" + word + "\" is not a decimal in shortest form");
    }
    **decimal = *found;
  } else {
    *std::get<Ranges*>(field) = read_ranges(parent, word, what);
  }
}

void check_keys_are_known(const Json& root, std::string_view what) {
  std::vector<std::string_view> top = {"schema"};
  for (const std::string& section : key_sections()) top.push_back(section);
  for (const KeyRow& row : key_rows()) {
    if (row.key.path.find('.') == std::string::npos) top.push_back(row.key.path);
  }
  check_json_keys(root, top, {}, what);
  for (const std::string& section : key_sections()) {
    std::vector<std::string_view> words;
    for (const KeyRow& row : key_rows()) {
      const std::string_view path = row.key.path;
      if (path.starts_with(section + ".")) words.push_back(path.substr(section.size() + 1));
    }
    check_json_keys(root.at(section), words, {}, what);
  }
}

}  // namespace

Json config_value(const Config& config, std::string_view path) {
  const KeyRow* row = find_key_row(path);
  if (row == nullptr) fail_unknown_key(path, "");
  Config copy = config;
  return field_json(row->field(copy));
}

void set_config_value(Config& config, std::string_view path, std::string_view text,
                      std::string_view where) {
  const KeyRow* row = find_key_row(path);
  if (row == nullptr) fail_unknown_key(path, where);
  Config changed = config;
  set_field_text(*row, row->field(changed), text, where);
  config = std::move(changed);
}

std::string encode_config(const Config& config) {
  check_config(config);
  Json root = keys_json(config, std::nullopt);
  root["schema"] = kConfigSchema;
  return encode_json(root);
}

Config parse_config(std::string_view json, std::string_view what) {
  const Json root = parse_canonical_json(json, what);
  check_schema(root, kConfigSchema, what);
  check_keys_are_known(root, what);
  Config config;
  for (const KeyRow& row : key_rows()) {
    const auto [section, word] = split_path(row.key.path);
    read_field(section.empty() ? root : root.at(section), word, row.field(config), what);
  }
  check_as(Code::corruption, what, [&] { check_config(config); });
  return config;
}

Json deciding_keys(const Config& config) { return keys_json(config, KeyClass::deciding); }

}  // namespace repro::manifests
