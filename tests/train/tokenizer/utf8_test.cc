#include "train/tokenizer/utf8.h"

#include <gtest/gtest.h>

#include "train/tokenizer/unicode.h"

namespace repro::train {
namespace {

TEST(Utf8, LengthFollowsTheStandard) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("\xC3\xA9"), 2U);
  EXPECT_EQ(utf8_length("\xE2\x82\xAC"), 3U);
  EXPECT_EQ(utf8_length("\xF0\x9F\x98\x80"), 4U);
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82",
        "\xC3"
        "a",
        "\xFF"}) {
    EXPECT_EQ(utf8_length(bad), 0U);
  }
}

TEST(Utf8, EveryCodePointGoesThereAndBack) {
  for (std::uint32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string text;
    append_utf8(code, text);
    ASSERT_EQ(utf8_length(text), text.size()) << code;
    ASSERT_EQ(utf8_code_point(text), code);
  }
}

// The figures are those of bytes.decode("utf-8", errors="replace").
TEST(Utf8, OneReplacementStandsForTheLongestBeginOfASequence) {
  const auto replaced = [](std::string_view bytes) {
    return std::string(PreparedText(bytes).text());
  };
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(replaced("a\xFF\xC3\xA9\xC3"), "a" + bad + "\xC3\xA9" + bad);
  EXPECT_EQ(replaced("\xE2\x82z"), bad + "z");
  EXPECT_EQ(replaced("\xF0\x9F\x98"), bad);
  EXPECT_EQ(replaced("\xF0\x9F\x98\xF0\x9F"), bad + bad);
  EXPECT_EQ(replaced("\xED\xA0\x80"), bad + bad + bad);
  EXPECT_EQ(replaced("\xC0\xAF"), bad + bad);
  EXPECT_EQ(replaced("\xF4\x90\x80\x80"), bad + bad + bad + bad);
}

TEST(PreparedText, SoundTextIsNotCopied) {
  const std::string text = "plain, \xC3\xA9 and \xF0\x9F\x98\x80";
  const PreparedText prepared(text);
  EXPECT_EQ(prepared.text().data(), text.data());
  EXPECT_EQ(prepared.shadow().data(), text.data());
}

TEST(PreparedText, NewerCodePointsAreMatchedAsOldOnesOfTheirCategoryAndSize) {
  // U+1C89, a capital letter since Unicode 16, and U+10D40, a digit since then.
  const std::string text = "ab\xE1\xB2\x89 \xF0\x90\xB5\x80 \xFFz";
  const PreparedText prepared(text);
  ASSERT_EQ(prepared.shadow().size(), prepared.text().size());
  EXPECT_EQ(prepared.text(), "ab\xE1\xB2\x89 \xF0\x90\xB5\x80 \xEF\xBF\xBDz");
  EXPECT_EQ(prepared.shadow(), "ab\xE1\x82\xA0 \xF0\x90\x92\xA0 \xEF\xBF\xBDz");
}

TEST(StandIns, AreInOrderAndAsLongAsWhatTheyStandFor) {
  std::uint32_t end = 0;
  for (const StandInRange& range : stand_in_ranges()) {
    ASSERT_GE(range.first, end);
    ASSERT_LE(range.first, range.last);
    end = range.last + 1;
    std::string first;
    std::string last;
    std::string stand_in;
    append_utf8(range.first, first);
    append_utf8(range.last, last);
    append_utf8(range.stand_in, stand_in);
    ASSERT_EQ(first.size(), stand_in.size()) << range.first;
    ASSERT_EQ(last.size(), stand_in.size()) << range.last;
  }
}

}  // namespace
}  // namespace repro::train
