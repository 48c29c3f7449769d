// Canonical JSON (docs/formats.md, "Canonical JSON"): UTF-8, keys sorted bytewise, no insignificant
// white space, integers exact, no floating-point numbers. Everything that is hashed is encoded here
// and nowhere else.
//
// `Json` is nlohmann::json; this header only forward-declares it, sources include
// <nlohmann/json.hpp>. Other numbers travel as strings: decimal text as the person wrote it, or the
// hex floats of artifacts/base/number_text.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace repro {

using Json = nlohmann::json;

// The canonical bytes, without a trailing newline. Throws Error(internal) for a float or for text
// that is not UTF-8.
std::string encode_json(const Json& value);

// Parses any JSON text from outside. Throws Error(invalid_argument) with line and column; rejects
// duplicate keys, nesting deeper than 64, and text longer than `max_bytes`.
Json parse_json(std::string_view text, std::string_view what,
                std::size_t max_bytes = std::size_t{64} << 20);

// Parses bytes that must already be canonical (our own files). Anything else, including one extra
// space, is Error(corruption) naming `what`.
Json parse_canonical_json(std::string_view text, std::string_view what);

// Typed access with errors that name the key: Error(corruption) where the key is absent or of
// another type. `what` names the document.
const Json& json_at(const Json& object, std::string_view key, std::string_view what);
std::string json_string(const Json& object, std::string_view key, std::string_view what);
std::int64_t json_int(const Json& object, std::string_view key, std::string_view what);
bool json_bool(const Json& object, std::string_view key, std::string_view what);
const Json& json_array(const Json& object, std::string_view key, std::string_view what);
const Json& json_object(const Json& object, std::string_view key, std::string_view what);

// Throws Error(corruption) unless `object` is an object whose keys are exactly those of `keys` plus
// any of `optional_keys`.
void check_json_keys(const Json& object, const std::vector<std::string_view>& keys,
                     const std::vector<std::string_view>& optional_keys, std::string_view what);

}  // namespace repro
