#include "cli/config_view.h"

#include <nlohmann/json.hpp>

#include "manifests/recipe.h"

namespace repro::cli {

std::string_view key_class_name(manifests::KeyClass key_class) {
  switch (key_class) {
    case manifests::KeyClass::label:
      return "label";
    case manifests::KeyClass::deciding:
      return "deciding";
    case manifests::KeyClass::running:
      return "running";
  }
  return "";
}

void print_config(Io& io, const manifests::Config& config) {
  if (!io.json()) {
    io.raw(manifests::config_to_yaml(config));
    return;
  }
  Json classes = Json::object();
  for (const manifests::ConfigKey& key : manifests::config_keys()) {
    classes[key.path] = key_class_name(key.key_class);
  }
  io.emit("config", {{"config", parse_json(manifests::encode_config(config), "configuration")},
                     {"classes", classes}});
}

}  // namespace repro::cli
