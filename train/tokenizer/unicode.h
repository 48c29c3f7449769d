// Text as the split patterns see it, the same whatever Unicode the PCRE2 library of a machine has.
//
// The categories of bpe/1 are those of Unicode 16.0, which the `tokenizers` library has too. PCRE2
// 10.40 to 10.42 have Unicode 14, later ones more. So a pattern is not matched against the text
// but against its shadow: every code point that Unicode 14 does not have, or has in another
// category, is replaced by an old one of the same category and the same number of bytes
// (unicode_table.cc). Offsets in the shadow are offsets in the text.
//
//   const PreparedText prepared(bytes);
//   prepared.text()    valid UTF-8: the bytes, with U+FFFD for what is broken (utf8.h)
//   prepared.shadow()  as long as text()
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace repro::train {

// Code points first..last are matched as `stand_in`; ascending.
struct StandInRange {
  std::uint32_t first;
  std::uint32_t last;
  std::uint32_t stand_in;
};
std::span<const StandInRange> stand_in_ranges();

class PreparedText {
 public:
  // `bytes` must outlive this: where nothing has to be replaced, nothing is copied.
  explicit PreparedText(std::string_view bytes);
  PreparedText(const PreparedText&) = delete;
  PreparedText& operator=(const PreparedText&) = delete;

  std::string_view text() const { return text_; }
  std::string_view shadow() const { return shadow_; }

 private:
  void replace_broken(std::string_view bytes, std::size_t first);
  void cast_shadow(std::size_t first);

  std::string repaired_;
  std::string shadow_bytes_;
  std::string_view text_;
  std::string_view shadow_;
};

}  // namespace repro::train
