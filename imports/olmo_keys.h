// The keys of a configuration of OLMo's old trainer (allenai/OLMo, olmo/config.py), one table: what
// the trainer takes where a file is silent, and what becomes of the key in a recipe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace repro::imports {

enum class OlmoUse : std::uint8_t {
  mapped,  // becomes a key of the recipe: olmo_config.cc
  only,    // the model or update of repro has but `wanted`: anything else is refused
  unless,  // anything but `wanted` decides bits that no key of a recipe says: not computed
  noted,   // decides no bit here: kept as a note where it stands in the file
};

struct OlmoKey {
  std::string_view path;
  OlmoUse use = OlmoUse::noted;
  std::string_view fallback;  // the class default; "" where no code asks for it
  std::string_view wanted;    // only, unless: a value, or several: "null|false"
  std::string_view reason;    // why it is noted, refused or not computed
};

std::span<const OlmoKey> olmo_keys();
// nullptr where the trainer has no such key. Names below data.datasets and data.custom_dataset are
// free.
const OlmoKey* find_olmo_key(std::string_view path);
// "FILE:LINE: unknown key optimizer.learnin_rate; did you mean optimizer.learning_rate?"
[[noreturn]] void fail_unknown_olmo_key(std::string_view path, std::string_view where);

// What the scripts that launched the released runs laid over the files (`--launch NAME`).
struct OlmoLaunch {
  std::string_view name;
  std::string_view evidence;
  std::vector<std::string_view> changes;  // "optimizer.learning_rate=9.0e-4"
};
std::span<const OlmoLaunch> olmo_launches();
// Error(invalid_argument) with all names.
const OlmoLaunch& find_olmo_launch(std::string_view name);

}  // namespace repro::imports
