#include "manifests/recipe.h"

#include <nlohmann/json.hpp>
#include <set>

#include "manifests/config_keys.h"
#include "manifests/config_table.h"
#include "manifests/json_fields.h"
#include "manifests/recipe_reader.h"

namespace repro::manifests {
namespace {

using Seen = std::set<std::string, std::less<>>;

void apply_entry(Config& config, const RecipeEntry& entry, std::string_view file, Seen& seen) {
  const std::string where = std::string(file) + ":" + std::to_string(entry.line);
  const bool section = is_key_section(entry.path);
  if (section && entry.kind == EntryKind::group) return;
  if (section) {
    throw Error(Code::invalid_argument,
                where + ": " + entry.path + " is a group of keys; it has no value of its own",
                "write its keys indented below it");
  }
  const KeyRow* row = find_key_row(entry.path);
  if (row == nullptr) fail_unknown_key(entry.path, where);
  const KeyType type = row->key.type;
  if (entry.kind == EntryKind::group) fail_value(*row, "a group of keys", where);
  if (entry.kind == EntryKind::list && type != KeyType::ranges) fail_value(*row, "a list", where);
  const bool needs_plain = type == KeyType::integer || type == KeyType::boolean;
  if (entry.kind == EntryKind::quoted && needs_plain) {
    fail_value(*row, "'" + entry.text + "' in quotes", where);
  }
  set_field_text(*row, row->field(config), entry.text, where);
  seen.insert(entry.path);
}

void check_required(const Seen& seen, std::string_view file) {
  for (const ConfigKey& key : config_keys()) {
    if (!key.required || seen.contains(key.path)) continue;
    throw Error(Code::invalid_argument,
                std::string(file) + ": required key " + key.path + " is missing",
                key.path + ": " + key.help + " (" + key.allowed + ")");
  }
}

std::string yaml_value(const KeyRow& row, const Field& field) {
  const std::string text = field_text(field);
  if (row.key.type == KeyType::text) return encode_json(Json(text));  // a JSON string is YAML
  if (row.key.type != KeyType::ranges) return text;
  std::string list;
  for (const auto& [first, last] : *std::get<Ranges*>(field)) {
    list +=
        (list.empty() ? "[" : ", [") + std::to_string(first) + ", " + std::to_string(last) + "]";
  }
  return "[" + list + "]";
}

std::string yaml_line(const KeyRow& row, Config& config) {
  const std::size_t dot = row.key.path.find('.');
  std::string line = dot == std::string::npos ? row.key.path : "  " + row.key.path.substr(dot + 1);
  line += ": " + yaml_value(row, row.field(config));
  const char* running = row.key.key_class == KeyClass::running ? " (running)" : "";
  return line + "  # " + row.key.help + running + "\n";
}

}  // namespace

const BuiltinRecipe* find_builtin_recipe(std::string_view name) {
  for (const BuiltinRecipe& recipe : builtin_recipes()) {
    if (recipe.name == name) return &recipe;
  }
  return nullptr;
}

Config resolve_recipe(std::span<const RecipeLayer> layers, std::span<const Override> overrides) {
  Config config;
  Seen seen;
  for (const RecipeLayer& layer : layers) {
    for (const RecipeEntry& entry : read_recipe(layer.file, layer.text)) {
      apply_entry(config, entry, layer.file, seen);
    }
  }
  for (const Override& change : overrides) {
    set_config_value(config, change.key, change.value, "--set");
    seen.insert(change.key);
  }
  const std::string file = layers.empty() ? "recipe" : layers.front().file;
  check_required(seen, file);
  if (config.model.num_kv_heads == 0) config.model.num_kv_heads = config.model.num_heads;
  check_as(Code::invalid_argument, file, [&] { check_config(config); });
  return config;
}

std::string config_to_yaml(const Config& config) {
  Config copy = config;  // fields are handed out as pointers to change
  std::string text;
  for (const KeyRow& row : key_rows()) {
    if (row.key.path.find('.') == std::string::npos) text += yaml_line(row, copy);
  }
  for (const std::string& section : key_sections()) {
    text += section + ":\n";
    for (const KeyRow& row : key_rows()) {
      if (row.key.path.starts_with(section + ".")) text += yaml_line(row, copy);
    }
  }
  return text;
}

}  // namespace repro::manifests
