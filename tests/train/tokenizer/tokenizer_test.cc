#include "train/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

std::vector<std::uint32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::uint32_t> all;
  tokenizer.encode(text, [&](std::span<const std::uint32_t> ids) {
    all.insert(all.end(), ids.begin(), ids.end());
  });
  return all;
}

Error catch_make_error(std::string_view name) {
  try {
    make_tokenizer(name);
  } catch (const Error& error) {
    return error;
  }
  return Error(Code::internal, "no error");
}

TEST(ByteTokenizer, IdsAreBytes) {
  const auto tokenizer = make_tokenizer("byte");
  EXPECT_EQ(tokenizer->name_and_version(), "byte/1");
  EXPECT_EQ(tokenizer->vocab_size(), 257);
  EXPECT_EQ(tokenizer->end_of_text(), 256U);
  EXPECT_EQ(encode(*tokenizer, "A\xC3\xA9"), (std::vector<std::uint32_t>{65, 0xC3, 0xA9}));
}

TEST(ByteTokenizer, DecodeIsTheInverseOfEncodeForAnyBytes) {
  const auto tokenizer = make_tokenizer("byte/1");
  std::string text;
  for (int i = 0; i < 100'000; ++i) text.push_back(static_cast<char>(i * 7919 >> 3));
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, text)), text);
  EXPECT_TRUE(encode(*tokenizer, "").empty());
}

TEST(ByteTokenizer, EndOfTextStandsForNoBytes) {
  const std::vector<std::uint32_t> ids = {104, 256, 105};
  EXPECT_EQ(make_tokenizer("byte")->decode(ids), "hi");
}

TEST(ByteTokenizer, DecodeRefusesAnIdOutsideTheVocabulary) {
  const std::vector<std::uint32_t> ids = {257};
  EXPECT_THROW(make_tokenizer("byte")->decode(ids), Error);
}

TEST(IdsTokenizer, TakesNoTextAndDecodesToNumbers) {
  const auto tokenizer = make_tokenizer("ids");
  EXPECT_EQ(tokenizer->name_and_version(), "ids/1");
  EXPECT_EQ(tokenizer->vocab_size(), 0);
  EXPECT_FALSE(tokenizer->end_of_text());
  const std::vector<std::uint32_t> ids = {7, 100000};
  EXPECT_EQ(tokenizer->decode(ids), "7 100000");
  EXPECT_THROW(encode(*tokenizer, "text"), Error);
}

TEST(MakeTokenizer, NamesTheNearestForAnUnknownOne) {
  const Error error = catch_make_error("bytes");
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_EQ(error.hint(), "did you mean byte?");
}

TEST(MakeTokenizer, RefusesAnUnknownVersion) {
  EXPECT_EQ(catch_make_error("byte/2").code(), Code::unsupported);
  EXPECT_EQ(catch_make_error("bpe/2").code(), Code::unsupported);
  EXPECT_EQ(catch_make_error("byte/").code(), Code::unsupported);
}

}  // namespace
}  // namespace repro::train
