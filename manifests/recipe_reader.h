// The YAML subset of recipes as a flat list, in the order of the text. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace repro::manifests {

enum class EntryKind : std::uint8_t {
  plain,  // unquoted scalar
  quoted,
  list,   // list of pairs of scalars; text is "a..b,c..d". Also the empty list
  items,  // list of scalars
  group,  // a map: its entries follow, with longer paths
};

struct RecipeEntry {
  std::string path;  // keys joined by '.'
  std::string text;
  std::vector<std::string> items;
  EntryKind kind = EntryKind::plain;
  int line = 0;  // of the key, from 1
};

// Error(invalid_argument) "FILE:LINE: ..." for anything but one document of maps, scalars and lists
// of scalars or of pairs: anchors, aliases, tags, duplicate or empty keys, bytes that are not text.
std::vector<RecipeEntry> read_recipe(std::string_view file, std::string_view text);

}  // namespace repro::manifests
