// YAML of other trainers as a flat list of settings, in the order of the text. As hostile input is
// expected, less than YAML is read: one document, a mapping at the top, and no anchors, aliases or
// tags, so that a small file stays small.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace repro::imports {

enum class SettingKind : std::uint8_t {
  null,    // null, ~, or no value
  scalar,  // `text`; quotes are gone
  list,    // `items`; what is nested in one is written as flow YAML: "{label: piqa, type: lm}"
  empty,   // a map without keys
};

struct Setting {
  std::string path;  // keys joined by '.'
  SettingKind kind = SettingKind::null;
  std::string text;
  std::vector<std::string> items;
  int line = 0;  // of the key, from 1

  // The value on one line: "null", "0.1", "[0.9, 0.95]", "{}".
  std::string shown() const;
};

// Error(invalid_argument) "FILE:LINE: ..." for what is no mapping, too large (4 MiB, 16 levels,
// 100,000 values), not UTF-8 without control characters, or says a key twice.
std::vector<Setting> read_settings(std::string_view file, std::string_view text);

// Replaces `${key.path}` in every value by the text of that key, as OmegaConf does. Resolvers
// (`${path.glob:...}`) stay as they are. Error(invalid_argument) for a key that is not there or no
// scalar, circles, more than 10,000 references, and values that become longer than 4096 bytes.
void resolve_references(std::string_view file, std::vector<Setting>& settings);

}  // namespace repro::imports
