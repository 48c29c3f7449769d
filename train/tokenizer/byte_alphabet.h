// The alphabet of byte-level BPE: how tokenizer.json writes bytes. Bytes that print (of Latin-1)
// stand for themselves, the others for U+0100 and up, in order (GPT-2's bytes_to_unicode).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace repro::train {

// The bytes that `token` (valid UTF-8) stands for; nullopt where a character is not of the
// alphabet.
std::optional<std::string> bytes_of_token(std::string_view token);

}  // namespace repro::train
