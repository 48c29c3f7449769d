// bpe/1 against ids of the `tokenizers` library (make_fixture.py).
#include "train/tokenizer/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/tokenizer/golden_files.h"
#include "train/tokenizer/unicode.h"

namespace repro::train {
namespace {

using nlohmann::json;
using testing::ElementsAre;

constexpr const char* kNames[] = {"cl100k", "llama3", "gpt2"};

BpeTokenizer make(const std::string& name) {
  return BpeTokenizer(read_golden(name + ".json"), name);
}

std::vector<std::uint32_t> encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::uint32_t> all;
  tokenizer.encode(text, [&](std::span<const std::uint32_t> ids) {
    all.insert(all.end(), ids.begin(), ids.end());
  });
  return all;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct GoldenCase {
  std::string text;
  std::vector<std::uint32_t> ids;
};

std::vector<GoldenCase> cases_of(const std::string& name) {
  static const json all = json::parse(read_golden("cases.json"));
  std::vector<GoldenCase> cases;
  for (const json& one : all.at(name)) {
    cases.push_back({from_hex(one.at("bytes")), one.at("ids").get<std::vector<std::uint32_t>>()});
  }
  return cases;
}

TEST(Bpe, IdsAreThoseOfTheLibrary) {
  for (const char* name : kNames) {
    const BpeTokenizer tokenizer = make(name);
    const auto cases = cases_of(name);
    ASSERT_GE(cases.size(), 100U);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(encode(tokenizer, cases[i].text), cases[i].ids) << name << ", case " << i;
    }
  }
}

// make_fixture.py, make_gaps.
TEST(Bpe, SplitsMayLeaveGaps) {
  for (const bool removed : {true, false}) {
    json file = json::parse(read_golden("cl100k.json"));
    file["pre_tokenizer"]["pretokenizers"] = {
        {{"type", "Split"}, {"pattern", {{"Regex", "\\p{N}"}}}, {"behavior", "Isolated"}},
        {{"type", "Split"},
         {"pattern", {{"Regex", "[\\p{L}\\p{N}]+"}}},
         {"behavior", removed ? "Removed" : "Isolated"},
         {"invert", removed}},
        {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"use_regex", true}}};
    const BpeTokenizer tokenizer(file.dump(), "t");
    const auto cases = cases_of(removed ? "gaps removed" : "gaps kept");
    for (std::size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(encode(tokenizer, cases[i].text), cases[i].ids) << removed << ", case " << i;
    }
  }
}

TEST(Bpe, DecodeGivesTheTextBack) {
  for (const char* name : {"cl100k", "llama3"}) {
    const BpeTokenizer tokenizer = make(name);
    std::size_t compared = 0;
    for (const GoldenCase& one : cases_of(name)) {
      const std::string text(PreparedText(one.text).text());
      const auto ids = encode(tokenizer, text);
      if (std::find(ids.begin(), ids.end(), *tokenizer.end_of_text()) != ids.end()) continue;
      EXPECT_EQ(tokenizer.decode(ids), text) << name;
      ++compared;
    }
    EXPECT_GE(compared, 80U);
  }
}

TEST(Bpe, EveryByteSequenceHasIdsAndDecodesToItsReplacement) {
  const BpeTokenizer tokenizer = make("cl100k");
  std::uint64_t state = 7;
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (int i = 0; i < 60; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      bytes.push_back(static_cast<char>(state >> 56U));
    }
    EXPECT_EQ(tokenizer.decode(encode(tokenizer, bytes)), PreparedText(bytes).text());
  }
}

TEST(Bpe, FactsOfTheFile) {
  const BpeTokenizer tokenizer = make("llama3");
  EXPECT_EQ(tokenizer.name_and_version(), "bpe/1");
  const std::int64_t size = tokenizer.vocab_size();
  EXPECT_EQ(tokenizer.end_of_text(), size - 2);
  EXPECT_THAT(tokenizer.begin_ids(), ElementsAre(size - 3));
  EXPECT_TRUE(tokenizer.end_ids().empty());
}

TEST(Bpe, WithoutAKnownNameThereIsNoEndOfText) {
  json file = json::parse(read_golden("gpt2.json"));
  file["added_tokens"] = json::array();
  EXPECT_FALSE(BpeTokenizer(file.dump(), "t").end_of_text());
}

TEST(Bpe, EndOfTextStandsForNoBytesAndUnknownIdsAreRefused) {
  const BpeTokenizer tokenizer = make("cl100k");
  const auto end = *tokenizer.end_of_text();
  const auto ids = encode(tokenizer, "a<|endoftext|>b");
  EXPECT_EQ(ids[1], end);
  EXPECT_EQ(tokenizer.decode(ids), "ab");
  const std::vector<std::uint32_t> beyond = {static_cast<std::uint32_t>(tokenizer.vocab_size())};
  EXPECT_THROW(tokenizer.decode(beyond), Error);
}

// A piece far longer than the buffers, and more ids than one call of the sink takes.
TEST(Bpe, LongTextsComeInPiecesAndAreTheSame) {
  const BpeTokenizer tokenizer = make("cl100k");
  std::string text;
  std::vector<std::uint32_t> expected;
  const auto word = encode(tokenizer, " hello");
  for (int i = 0; i < 50'000; ++i) {
    text += " hello";
    expected.insert(expected.end(), word.begin(), word.end());
  }
  EXPECT_EQ(encode(tokenizer, text), expected);
  const std::string run(1'000'000, 'e');
  EXPECT_EQ(tokenizer.decode(encode(tokenizer, run)), run);
}

TEST(Bpe, ManyThreadsMayEncodeWithOneTokenizer) {
  const BpeTokenizer tokenizer = make("gpt2");
  const auto cases = cases_of("gpt2");
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        for (const GoldenCase& one : cases) count += encode(tokenizer, one.text) != one.ids;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

TEST(Bpe, AFileIsNeeded) {
  try {
    make_tokenizer("bpe/1");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_THAT(error.hint(), testing::HasSubstr("--tokenizer FILE"));
  }
  EXPECT_EQ(make_tokenizer("bpe", read_golden("gpt2.json"))->name_and_version(), "bpe/1");
}

}  // namespace
}  // namespace repro::train
