// Strict reading of our own manifests: typed fields with bounds, all failures Error(corruption)
// that name the document. Internal to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "artifacts/base/json.h"

namespace repro::manifests {

inline constexpr std::int64_t kMaxStep = std::int64_t{1} << 48;
inline constexpr std::int64_t kMaxBytes = std::int64_t{1} << 56;

[[noreturn]] void fail_field(std::string_view what, const std::string& why);
void require(bool holds, std::string_view what, const char* why);

// Error(unsupported) for another version of the same schema, Error(corruption) for anything else.
void check_schema(const Json& object, std::string_view schema, std::string_view what);

std::int64_t int_field(const Json& object, std::string_view key, std::string_view what,
                       std::int64_t low, std::int64_t high);
Digest digest_field(const Json& object, std::string_view key, std::string_view what);
// Text without control characters.
std::string text_field(const Json& object, std::string_view key, std::string_view what);
// "" or 64 hex digits.
std::string find_hex_field(const Json& object, std::string_view key, std::string_view what);
// An object whose values are text.
std::map<std::string, std::string> text_map_field(const Json& object, std::string_view key,
                                                  std::string_view what);

// Runs `check`; an Error from it comes out with `code`, naming `what`.
template <class Check>
void check_as(Code code, std::string_view what, const Check& check) {
  try {
    check();
  } catch (const Error& error) {
    throw Error(code, std::string(what) + ": " + error.message(), error.hint());
  }
}

}  // namespace repro::manifests
