#include "manifests/recipe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "manifests/config_keys.h"
#include "manifests/config_table.h"
#include "manifests/json_fields.h"
#include "manifests/recipe_reader.h"

namespace repro::manifests {
namespace {

using Seen = std::set<std::string, std::less<>>;

// The notes that a path like "notes.data.paths" belongs to, and its name there; nullptr for others.
std::pair<Notes*, std::string> find_notes(Config& config, const std::string& path) {
  for (const auto& [section, notes] :
       {std::pair("notes", &config.notes), std::pair("not_computed", &config.not_computed)}) {
    if (path == section) return {notes, ""};
    if (path.starts_with(std::string(section) + ".")) {
      return {notes, path.substr(std::string(section).size() + 1)};
    }
  }
  return {nullptr, ""};
}

void apply_note(Notes& notes, const std::string& name, const RecipeEntry& entry,
                const std::string& where) {
  if (entry.kind == EntryKind::group) return;
  const bool pairs = entry.kind == EntryKind::list && !entry.text.empty();
  if (name.empty() || pairs) {
    throw Error(Code::invalid_argument,
                where + ": " + entry.path + " is no note: a text, or a list of texts, with a name",
                "write `name: text` below notes or not_computed");
  }
  const bool list = entry.kind == EntryKind::list || entry.kind == EntryKind::items;
  notes[name] = list ? entry.items : std::vector<std::string>{entry.text};
}

// What is no key of a configuration: where the recipe is laid over another one, which is done, and
// the label of that one.
bool is_passed_over(const RecipeLayer& layer, const RecipeEntry& entry) {
  if (entry.path == "base") return layer.kind != LayerKind::alone;
  return entry.path == "name" && layer.kind == LayerKind::base;
}

void apply_entry(Config& config, const RecipeEntry& entry, std::string_view file, Seen& seen) {
  const std::string where = std::string(file) + ":" + std::to_string(entry.line);
  if (const auto [notes, name] = find_notes(config, entry.path); notes != nullptr) {
    return apply_note(*notes, name, entry, where);
  }
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
  if (entry.kind == EntryKind::items) {
    throw Error(Code::invalid_argument, where + ": a list holds pairs, like [[10, 20], [30, 31]]",
                row->key.path + ": " + row->key.help);
  }
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

std::string comment_of(const RecipeComments& comments, const std::string& path) {
  const auto found = comments.find(path);
  return found == comments.end() || found->second.empty() ? "" : "  # " + found->second;
}

std::string yaml_line(const KeyRow& row, Config& config, const RecipeComments& comments) {
  const std::size_t dot = row.key.path.find('.');
  std::string line = dot == std::string::npos ? row.key.path : "  " + row.key.path.substr(dot + 1);
  line += ": " + yaml_value(row, row.field(config));
  return line + comment_of(comments, row.key.path) + "\n";
}

// A name as a YAML key.
std::string yaml_name(const std::string& name) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyz_.0123456789";
  const bool plain = name.find_first_not_of(kPlain) == std::string::npos && name != "null";
  return plain && name[0] >= 'a' && name[0] <= 'z' ? name : encode_json(Json(name));
}

std::string notes_yaml(const std::string& section, const Notes& notes,
                       const RecipeComments& comments) {
  std::string text = notes.empty() ? "" : section + ":\n";
  for (const auto& [name, texts] : notes) {
    const std::string comment = comment_of(comments, section + "." + name) + "\n";
    text += "  " + yaml_name(name) + ":";
    if (texts.size() == 1) {
      text += " " + encode_json(Json(texts.front())) + comment;
      continue;
    }
    text += (texts.empty() ? " []" : "") + comment;
    for (const std::string& item : texts) text += "    - " + encode_json(Json(item)) + "\n";
  }
  return text;
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
      if (!is_passed_over(layer, entry)) apply_entry(config, entry, layer.file, seen);
    }
  }
  for (const Override& change : overrides) {
    set_config_value(config, change.key, change.value, "--set");
    seen.insert(change.key);
  }
  const auto own = std::find_if(layers.begin(), layers.end(), [](const RecipeLayer& layer) {
    return layer.kind != LayerKind::base;
  });
  const std::string file = own == layers.end() ? "recipe" : own->file;
  check_required(seen, file);
  if (config.model.num_kv_heads == 0) config.model.num_kv_heads = config.model.num_heads;
  check_as(Code::invalid_argument, file, [&] { check_config(config); });
  return config;
}

std::string config_to_yaml(const Config& config, const RecipeComments& comments) {
  Config copy = config;  // fields are handed out as pointers to change
  std::string text;
  for (const KeyRow& row : key_rows()) {
    const bool top = row.key.path.find('.') == std::string::npos;
    if (top && comments.contains(row.key.path)) text += yaml_line(row, copy, comments);
  }
  for (const std::string& section : key_sections()) {
    std::string lines;
    for (const KeyRow& row : key_rows()) {
      const bool inside = row.key.path.starts_with(section + ".");
      if (inside && comments.contains(row.key.path)) lines += yaml_line(row, copy, comments);
    }
    if (!lines.empty()) text += section + ":\n" + lines;
  }
  return text + notes_yaml("notes", config.notes, comments) +
         notes_yaml("not_computed", config.not_computed, comments);
}

std::string config_to_yaml(const Config& config) {
  RecipeComments help;
  for (const ConfigKey& key : config_keys()) {
    help[key.path] = key.help + (key.key_class == KeyClass::running ? " (running)" : "");
  }
  return config_to_yaml(config, help);
}

}  // namespace repro::manifests
