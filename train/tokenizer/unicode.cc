#include "train/tokenizer/unicode.h"

#include <algorithm>
#include <bitset>
#include <cstring>

#include "train/tokenizer/utf8.h"

namespace repro::train {
namespace {

constexpr std::uint32_t kPageBits = 7;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Pages of 128 code points in which any has a stand-in: most text is in none of them.
using Pages = std::bitset<(0x110000U >> kPageBits)>;

Pages make_pages() {
  Pages pages;
  for (const StandInRange& range : stand_in_ranges()) {
    for (auto page = range.first >> kPageBits; page <= range.last >> kPageBits; ++page) {
      pages.set(page);
    }
  }
  return pages;
}

// 0 where the code point stands for itself.
std::uint32_t find_stand_in(std::uint32_t code) {
  static const Pages pages = make_pages();
  if (!pages.test(code >> kPageBits)) return 0;
  const auto ranges = stand_in_ranges();
  const auto range = std::partition_point(ranges.begin(), ranges.end(),
                                          [&](const StandInRange& r) { return r.last < code; });
  return range != ranges.end() && range->first <= code ? range->stand_in : 0;
}

std::size_t skip_ascii(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  std::uint64_t word = 0;
  for (; at + sizeof(word) <= text.size(); at += sizeof(word)) {
    std::memcpy(&word, text.data() + at, sizeof(word));
    if ((word & kHighBits) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

PreparedText::PreparedText(std::string_view bytes) : text_(bytes), shadow_(bytes) {
  std::size_t first_stand_in = std::string_view::npos;
  for (std::size_t at = skip_ascii(bytes, 0); at < bytes.size(); at = skip_ascii(bytes, at)) {
    const std::size_t length = utf8_length(bytes.substr(at));
    if (length == 0) {
      replace_broken(bytes, at);
      cast_shadow(std::min(at, first_stand_in));
      return;
    }
    if (first_stand_in == std::string_view::npos &&
        find_stand_in(utf8_code_point(bytes.substr(at, length))) != 0) {
      first_stand_in = at;
    }
    at += length;
  }
  if (first_stand_in != std::string_view::npos) cast_shadow(first_stand_in);
}

void PreparedText::replace_broken(std::string_view bytes, std::size_t first) {
  repaired_.reserve(bytes.size() + 64);
  repaired_ = bytes.substr(0, first);
  for (std::size_t at = first; at < bytes.size();) {
    const std::string_view rest = bytes.substr(at);
    const std::size_t length = utf8_length(rest);
    repaired_ += length == 0 ? kReplacement : rest.substr(0, length);
    at += length == 0 ? broken_utf8_length(rest) : length;
  }
  text_ = repaired_;
}

void PreparedText::cast_shadow(std::size_t first) {
  shadow_bytes_.reserve(text_.size());
  shadow_bytes_ = text_.substr(0, first);
  for (std::size_t at = first; at < text_.size();) {
    const std::size_t end = skip_ascii(text_, at);
    shadow_bytes_ += text_.substr(at, end - at);
    if (end == text_.size()) break;
    const std::string_view sequence = text_.substr(end, utf8_length(text_.substr(end)));
    const std::uint32_t stand_in = find_stand_in(utf8_code_point(sequence));
    if (stand_in == 0) {
      shadow_bytes_ += sequence;
    } else {
      append_utf8(stand_in, shadow_bytes_);
    }
    at = end + sequence.size();
  }
  shadow_ = shadow_bytes_;
}

}  // namespace repro::train
