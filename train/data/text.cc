#include "train/data/text.h"

#include <fmt/format.h>

#include "artifacts/base/error.h"
#include "train/tokenizer/utf8.h"

namespace repro::train {
namespace {

// One byte in so many may begin no UTF-8 sequence. Latin-1 prose stays below (accents are a few per
// cent); of random bytes a third and more begin none.
constexpr std::size_t kBytesPerStray = 10;

}  // namespace

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
