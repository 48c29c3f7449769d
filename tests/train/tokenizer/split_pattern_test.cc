#include "train/tokenizer/split_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kCl100k =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<std::string> pieces_of(const SplitPattern& pattern, std::string_view text) {
  Matcher matcher;
  std::vector<std::string> pieces;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size() && matcher.find(pattern, text, at, begin, end);
       at = end) {
    pieces.emplace_back(text.substr(begin, end - begin));
  }
  return pieces;
}

Error refusal(const std::string& regex) {
  try {
    const SplitPattern pattern(regex, "a.json");
  } catch (const Error& error) {
    return error;
  }
  return Error(Code::internal, "no error");
}

TEST(SplitPattern, SplitsAsCl100kDoes) {
  const SplitPattern pattern(kCl100k, "t");
  EXPECT_THAT(pieces_of(pattern, "It'LL be 12345  x\n\n y"),
              ElementsAre("It", "'LL", " be", " ", "123", "45", " ", " x", "\n\n", " y"));
  EXPECT_THAT(pieces_of(pattern, "\xE4\xBD\xA0\xE5\xA5\xBD!\xC2\xA0 a"),
              ElementsAre("\xE4\xBD\xA0\xE5\xA5\xBD", "!", "\xC2\xA0", " a"));
}

// More than the JIT's stack or PCRE2's usual limit of steps has room for.
TEST(SplitPattern, LongRunsAreOnePiece) {
  const SplitPattern pattern(kCl100k, "t");
  for (const std::string& text : {std::string(20'000'000, ' '), std::string(3'000'000, 'a'),
                                  std::string(3'000'000, '='), std::string(3'000'000, '\n')}) {
    EXPECT_THAT(pieces_of(pattern, text), ElementsAre(text));
  }
  // Each step of this one keeps a state.
  const SplitPattern grouped("(?:ab|cd)+", "t");
  std::string text;
  while (text.size() < 2'000'000) text += "abcd";
  EXPECT_THAT(pieces_of(grouped, text), ElementsAre(text));
}

TEST(SplitPattern, WhatEnginesReadOtherwiseIsRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\\w+", "\\w"},
      {"\\bword", "\\b"},
      {"\\h+", "\\h"},
      {"a|^b", "^"},
      {"b$", "$"},
      {".+", "."},
      {"\\p{Han}+", "\\p{Han}"},
      {"\\p{Cn}", "\\p{Cn}"},
      {"\\pL", "\\pL"},
      {"[[:alpha:]]", "[:"},
      {"[a-z&&b]", "&&"},
      {"[]a]", "]"},
      {"(?<=a)b", "(?<="},
      {"(?m:a)", "(?m:"},
      {"(?>a)", "(?>a"},
      {"(*UTF)a", "(*UT"},
      {"(?i)ab", "(?i)"},
      {"(?i:[ab])", "["},
      {"(?i:ss)", "ss"},
      {"a{2}+", "{2}+"},
      {"a{2}?", "{2}?"},
      {"a{,2}", "{,"},
      {"a\\x41", "\\x"},
      {"(a)\\1", "\\1"},
      {"\xE4\xB8\x80+", "\xE4"},
  };
  for (const auto& [regex, part] : cases) {
    const Error error = refusal(regex);
    EXPECT_EQ(error.code(), Code::unsupported) << regex;
    EXPECT_THAT(error.message(), HasSubstr("a.json: \"" + part + "\" in the regex")) << regex;
  }
}

TEST(SplitPattern, ABrokenOrEmptyPatternIsRefused) {
  EXPECT_EQ(refusal("a(b").code(), Code::invalid_argument);
  EXPECT_THAT(refusal("[a").message(), HasSubstr("broken at byte 2"));
  EXPECT_EQ(refusal("\\").code(), Code::unsupported);
  EXPECT_EQ(refusal("a*").code(), Code::unsupported);
  EXPECT_THAT(refusal("").message(), HasSubstr("empty"));
}

TEST(SplitPattern, APatternThatTakesTooManyStepsEndsWithAnError) {
  const SplitPattern pattern("(?:a|aa)+b", "t");
  EXPECT_THROW(pieces_of(pattern, std::string(200, 'a') + "cb"), Error);
}

}  // namespace
}  // namespace repro::train
