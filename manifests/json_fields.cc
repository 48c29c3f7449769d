#include "manifests/json_fields.h"

#include <nlohmann/json.hpp>

#include "manifests/text_checks.h"

namespace repro::manifests {

void fail_field(std::string_view what, const std::string& why) {
  throw Error(Code::corruption, std::string(what) + ": " + why);
}

void require(bool holds, std::string_view what, const char* why) {
  if (!holds) fail_field(what, why);
}

void check_schema(const Json& object, std::string_view schema, std::string_view what) {
  const std::string found = json_string(object, "schema", what);
  if (found == schema) return;
  const std::string_view family = schema.substr(0, schema.rfind('/') + 1);
  const std::string_view version =
      std::string_view(found).substr(std::min(family.size(), found.size()));
  const bool other_version = found.starts_with(family) && !version.empty() && version.size() < 6 &&
                             version.find_first_not_of("0123456789") == std::string_view::npos;
  if (other_version) {
    throw Error(Code::unsupported,
                std::string(what) + " has schema " + found + "; this version of repro reads " +
                    std::string(schema),
                "use the version of repro that wrote it, or a newer one");
  }
  fail_field(what, "its schema is not " + std::string(schema));
}

std::int64_t int_field(const Json& object, std::string_view key, std::string_view what,
                       std::int64_t low, std::int64_t high) {
  const std::int64_t value = json_int(object, key, what);
  if (value < low || value > high) {
    fail_field(what, "key \"" + std::string(key) + "\" is out of range: " + std::to_string(value));
  }
  return value;
}

Digest digest_field(const Json& object, std::string_view key, std::string_view what) {
  const Json& value = json_at(object, key, what);
  const auto digest = value.is_string() ? find_digest(value.get_ref<const std::string&>())
                                        : std::optional<Digest>();
  if (!digest) fail_field(what, "key \"" + std::string(key) + "\" is not a digest");
  return *digest;
}

std::string text_field(const Json& object, std::string_view key, std::string_view what) {
  std::string text = json_string(object, key, what);
  if (!is_plain_text(text)) {
    fail_field(what, "key \"" + std::string(key) + "\" is too long or holds control characters");
  }
  return text;
}

std::string find_hex_field(const Json& object, std::string_view key, std::string_view what) {
  std::string text = json_string(object, key, what);
  if (!text.empty() && !is_hex(text, 64, 64)) {
    fail_field(what, "key \"" + std::string(key) + "\" is not a digest");
  }
  return text;
}

std::map<std::string, std::string> text_map_field(const Json& object, std::string_view key,
                                                  std::string_view what) {
  std::map<std::string, std::string> map;
  const Json& values = json_object(object, key, what);
  for (const auto& [name, value] : values.items()) {
    map.emplace(name, text_field(values, name, what));
  }
  return map;
}

}  // namespace repro::manifests
