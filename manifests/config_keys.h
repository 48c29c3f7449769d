// The keys of a config, one table: path, type, class, range, default and one line of help of each.
// YAML reading, `--set`, canonical JSON, help, `diff` and docs/recipes.md all work from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/json.h"
#include "manifests/config.h"

namespace repro::manifests {

enum class KeyClass : std::uint8_t { label, deciding, running };
enum class KeyType : std::uint8_t { text, integer, decimal, boolean, ranges };

struct ConfigKey {
  std::string path;  // "model.hidden_size"
  KeyType type = KeyType::text;
  KeyClass key_class = KeyClass::deciding;
  bool required = false;
  std::string help;
  std::string allowed;        // for people: "1..1048576", "exact|native"
  std::string default_value;  // as a person writes it; "" for required keys
};

// All keys, in path order.
const std::vector<ConfigKey>& config_keys();

// The value at `path` as canonical JSON (decimals as strings). Error(invalid_argument) with the
// nearest known name for an unknown path.
Json config_value(const Config& config, std::string_view path);
// Sets one value from text as a person writes it (`--set key=value`); checks type and range. Ranges
// are "a..b,c..d" ("" for none). Error(invalid_argument) begins with `where` ("olmo2.yaml:12",
// "--set").
void set_config_value(Config& config, std::string_view path, std::string_view text,
                      std::string_view where);

}  // namespace repro::manifests
