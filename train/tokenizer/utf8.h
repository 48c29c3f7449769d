// UTF-8 sequences, sound and broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace repro::train {

// Length of the valid UTF-8 sequence at the begin of `text` (not empty), or 0.
std::size_t utf8_length(std::string_view text);

// The code point of a valid sequence, as `utf8_length` measured it.
std::uint32_t utf8_code_point(std::string_view sequence);

void append_utf8(std::uint32_t code_point, std::string& text);

// Where no valid sequence begins: how many bytes one U+FFFD stands for, 1 to 3. That is the longest
// begin of a valid sequence, or one byte (Unicode's "maximal subpart", as Python's
// errors="replace" and Rust's from_utf8_lossy do it).
std::size_t broken_utf8_length(std::string_view text);

}  // namespace repro::train
