// The key table behind manifests/config.h: one row a key, with the field it stands for and its
// limits. Internal to this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "artifacts/base/error.h"
#include "manifests/config.h"
#include "manifests/config_keys.h"

namespace repro::manifests {

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
// The field of a Config that a key stands for; the alternative is its type, in the order of
// KeyType.
using Field = std::variant<std::string*, std::int64_t*, double*, bool*, Ranges*>;

// What a value may be. Text: one of `names`, or anything printable where there are none.
struct Limits {
  std::int64_t low = 0;
  std::int64_t high = 0;
  double decimal_low = 0;
  double decimal_high = 0;
  bool below_high = false;  // decimal_high itself is excluded
  std::vector<std::string> names;
};

struct KeyRow {
  ConfigKey key;
  Field (*field)(Config&) = nullptr;
  Limits limits;
  // Canonical JSON leaves the key out where it has its default: digests of configs and derivations
  // from before there was such a key stay what they were.
  bool omits_default = false;
};

// Rows in path order.
const std::vector<KeyRow>& key_rows();
const KeyRow* find_key_row(std::string_view path);
// "model", "data", ... in order.
const std::vector<std::string>& key_sections();
bool is_key_section(std::string_view path);

// "where: unknown key model.hiden_size; did you mean hidden_size?"
[[noreturn]] void fail_unknown_key(std::string_view path, std::string_view where);
// "where: model.hidden_size is "x"; expected an integer in 2..1048576".
[[noreturn]] void fail_value(const KeyRow& row, std::string_view text, std::string_view where);

// The value as a person writes it; `set_field_text` is its inverse.
std::string field_text(const Field& field);
// Checks type and limits; Error(invalid_argument).
void set_field_text(const KeyRow& row, const Field& field, std::string_view text,
                    std::string_view where);
// The limits alone, for values that were not read from text.
void check_limits(const KeyRow& row, const Field& field, std::string_view where);

}  // namespace repro::manifests
