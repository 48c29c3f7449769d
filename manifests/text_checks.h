// What text from outside may be.
#pragma once

#include <cstddef>
#include <string_view>

namespace repro::manifests {

// Valid UTF-8 of at most `max_bytes` bytes without control characters, so that it can be printed.
bool is_plain_text(std::string_view text, std::size_t max_bytes = 4096);
// As above, but line breaks and tabs are allowed.
bool is_note_text(std::string_view text, std::size_t max_bytes = 65536);
// Relative, normalised, '/'-separated: no empty, "." or ".." part.
bool is_safe_path(std::string_view path);
// A safe path of [A-Za-z0-9._/-], at most 512 bytes.
bool is_tensor_name(std::string_view name);
// `min_digits`..`max_digits` of [0-9a-f].
bool is_hex(std::string_view text, std::size_t min_digits, std::size_t max_digits);

}  // namespace repro::manifests
