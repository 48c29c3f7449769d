// What counts as text.
#pragma once

#include <string>
#include <string_view>

namespace repro::train {

// Refuses what is no text but a picture, an archive or a program: a NUL byte anywhere, or more than
// one byte in ten that begins no valid UTF-8 sequence. A few stray bytes (old Latin-1 files) are
// taken as they are. Error(invalid_argument) with the offset of the first bad byte; `where` names
// the text
// ("a.txt", "b.jsonl:17").
void check_text(std::string_view text, std::string_view where);

// `text` with U+FFFD for every byte that begins no valid sequence.
std::string to_utf8(std::string_view text);

}  // namespace repro::train
