#include "train/tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "train/tokenizer/utf8.h"

namespace repro::train {
namespace {

constexpr std::uint32_t kEnd = 0x100 + 68;  // 68 bytes do not print
constexpr std::uint16_t kNone = 0x100;

constexpr bool prints(std::uint32_t byte) {
  return (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
}

constexpr std::array<std::uint16_t, kEnd> make_bytes() {
  std::array<std::uint16_t, kEnd> bytes{};
  bytes.fill(kNone);
  std::uint32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 0x100; ++byte) {
    bytes.at(prints(byte) ? byte : next++) = static_cast<std::uint16_t>(byte);
  }
  return bytes;
}

constexpr auto kBytes = make_bytes();

}  // namespace

std::optional<std::string> bytes_of_token(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  while (!token.empty()) {
    const std::string_view character = token.substr(0, utf8_length(token));
    const std::uint32_t code = utf8_code_point(character);
    if (code >= kEnd || kBytes.at(code) == kNone) return std::nullopt;
    bytes.push_back(static_cast<char>(kBytes.at(code)));
    token.remove_prefix(character.size());
  }
  return bytes;
}

}  // namespace repro::train
