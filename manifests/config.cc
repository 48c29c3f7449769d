#include "manifests/config.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "artifacts/base/number_text.h"
#include "manifests/config_json.h"
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
    if (only && row.key.key_class != *only) continue;
    const Field field = row.field(config);
    if (row.omits_default && field_text(field) == row.key.default_value) continue;
    slot_of(root, row.key.path) = field_json(field);
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

void put_notes(Json& root, const char* section, const Notes& notes) {
  if (!notes.empty()) root[section] = Json(notes);
}

// A section of notes, absent where there are none.
Notes read_notes(const Json& root, const char* section, std::string_view what) {
  Notes notes;
  if (!root.contains(section)) return notes;
  const Json& object = root.at(section);
  if (!object.is_object() || object.empty()) {
    fail_field(what, std::string("section \"") + section + "\" is not an object with keys");
  }
  for (const auto& [name, list] : object.items()) {
    for (const Json& text : json_array(object, name, what)) {
      if (!text.is_string()) fail_field(what, "key \"" + name + "\" is not a list of texts");
      notes[name].push_back(text.get<std::string>());
    }
    notes[name];  // also where the list is empty
  }
  return notes;
}

using Names = std::vector<std::string_view>;

// The words below `prefix` ("model."; "" for the top level), by whether they must be there.
std::pair<Names, Names> words_below(std::string_view prefix) {
  std::pair<Names, Names> words;
  for (const KeyRow& row : key_rows()) {
    const std::string_view path = row.key.path;
    if (!path.starts_with(prefix)) continue;
    const std::string_view word = path.substr(prefix.size());
    if (word.find('.') != std::string_view::npos) continue;
    (row.omits_default ? words.second : words.first).push_back(word);
  }
  return words;
}

// Of each object: no key that is unknown, and every key that is not left out at its default. A
// section of only such keys may be missing.
void check_keys_are_known(const Json& root, std::string_view what) {
  auto [required, optional] = words_below("");
  required.push_back("schema");
  optional.insert(optional.end(), {"notes", "not_computed"});
  for (const std::string& section : key_sections()) {
    (words_below(section + ".").first.empty() ? optional : required).push_back(section);
  }
  check_json_keys(root, required, optional, what);
  for (const std::string& section : key_sections()) {
    if (!root.contains(section)) continue;
    const auto [words, omitted] = words_below(section + ".");
    check_json_keys(root.at(section), words, omitted, what);
  }
}

// A key that may be left out: absent, or another value than its default.
void read_omissible(const KeyRow& row, const Json& root, Config& config, std::string_view what) {
  const auto [section, word] = split_path(row.key.path);
  if (!section.empty() && !root.contains(section)) return;
  const Json& parent = section.empty() ? root : root.at(section);
  const bool present = parent.contains(word);
  if (present) read_field(parent, word, row.field(config), what);
  if (present ? field_text(row.field(config)) == row.key.default_value : parent.empty()) {
    fail_field(what, "section \"" + section + "\" says no more than its default");
  }
}

void read_row(const KeyRow& row, const Json& root, Config& config, std::string_view what) {
  if (row.omits_default) {
    read_omissible(row, root, config, what);
    return;
  }
  const auto [section, word] = split_path(row.key.path);
  read_field(section.empty() ? root : root.at(section), word, row.field(config), what);
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

Json model_config_json(const ModelConfig& model) {
  Config config;
  config.model = model;
  return keys_json(config, std::nullopt).at("model");
}

ModelConfig model_config_from_json(const Json& json, std::string_view what) {
  const auto [required, optional] = words_below("model.");
  check_json_keys(json, required, optional, what);
  const Json root = {{"model", json}};
  Config config;
  for (const KeyRow& row : key_rows()) {
    if (!row.key.path.starts_with("model.")) continue;
    read_row(row, root, config, what);
  }
  return config.model;
}

std::string encode_config(const Config& config) {
  check_config(config);
  Json root = keys_json(config, std::nullopt);
  root["schema"] = kConfigSchema;
  put_notes(root, "notes", config.notes);
  put_notes(root, "not_computed", config.not_computed);
  return encode_json(root);
}

Config parse_config(std::string_view json, std::string_view what) {
  const Json root = parse_canonical_json(json, what);
  check_schema(root, kConfigSchema, what);
  check_keys_are_known(root, what);
  Config config;
  for (const KeyRow& row : key_rows()) read_row(row, root, config, what);
  config.notes = read_notes(root, "notes", what);
  config.not_computed = read_notes(root, "not_computed", what);
  check_as(Code::corruption, what, [&] { check_config(config); });
  return config;
}

Json deciding_keys(const Config& config) { return keys_json(config, KeyClass::deciding); }

}  // namespace repro::manifests
