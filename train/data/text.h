// What counts as text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace repro::train {

// Refuses what is no text but a picture, an archive or a program: a NUL byte anywhere, or more than
// one byte in ten that begins no valid UTF-8 sequence. A few stray bytes (old Latin-1 files) are
// taken as they are. Error(invalid_argument) with the offset of the first bad byte; `where` names
// the text
// ("a.txt", "b.jsonl:17").
void check_text(std::string_view text, std::string_view where);

// Length of the valid UTF-8 sequence at the begin of `text` (not empty), or 0.
std::size_t utf8_length(std::string_view text);

// `text` with U+FFFD for every byte that begins no valid sequence.
std::string to_utf8(std::string_view text);

}  // namespace repro::train
