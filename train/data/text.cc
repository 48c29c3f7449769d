#include "train/data/text.h"

#include <fmt/format.h>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

// One byte in so many may begin no UTF-8 sequence. Latin-1 prose stays below (accents are a few per
// cent); of random bytes a third and more begin none.
constexpr std::size_t kBytesPerStray = 10;

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  // Over-long forms, surrogates, and what lies above U+10FFFF.
  const auto second = static_cast<unsigned char>(text[1]);
  const bool bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                   (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return bad ? 0 : length;
}

void check_text(std::string_view text, std::string_view where) {
  const auto refuse = [&](std::size_t offset, const std::string& what) {
    throw Error(Code::invalid_argument,
                fmt::format("{} is not text: {} at byte {}", where, what, offset),
                "leave the file out, or convert it to UTF-8 text");
  };
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) refuse(nul, "NUL byte");
  std::size_t stray = 0;
  std::size_t first_stray = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0 && stray++ == 0) first_stray = at;
    at += length == 0 ? 1 : length;
  }
  if (stray * kBytesPerStray > text.size()) {
    refuse(first_stray,
           fmt::format("{} bytes of {} are not UTF-8, the first one", stray, text.size()));
  }
}

std::string to_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    valid += length == 0 ? "\xEF\xBF\xBD" : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

}  // namespace repro::train
