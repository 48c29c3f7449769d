#include "train/tokenizer/merges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "train/tokenizer/byte_table.h"

namespace repro::train {
namespace {

std::array<std::uint32_t, 256> identity() {
  std::array<std::uint32_t, 256> ids{};
  std::iota(ids.begin(), ids.end(), 0U);
  return ids;
}

// The definition, word for word.
std::vector<std::uint32_t> merge_slowly(const std::vector<MergeRule>& rules,
                                        std::string_view piece) {
  std::vector<std::uint32_t> parts;
  for (const char byte : piece) parts.push_back(static_cast<unsigned char>(byte));
  for (bool merged = true; merged;) {
    merged = false;
    for (const MergeRule& rule : rules) {
      const std::array<std::uint32_t, 2> pair = {rule.left, rule.right};
      const auto found = std::search(parts.begin(), parts.end(), pair.begin(), pair.end());
      if (found == parts.end()) continue;
      *found = rule.result;
      parts.erase(found + 1);
      merged = true;
      break;
    }
  }
  return parts;
}

std::vector<std::uint32_t> merge(const MergeTable& table, std::string_view piece) {
  MergeScratch scratch;
  std::vector<std::uint32_t> ids;
  table.merge(piece, scratch, ids);
  return ids;
}

// Rules over three letters in an arbitrary order, so that late rules make early ones possible.
std::vector<MergeRule> make_rules(std::uint64_t& state) {
  const auto draw = [&](std::uint64_t count) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (state >> 33U) % count;
  };
  std::vector<std::uint32_t> tokens = {'a', 'b', 'c'};
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> known;
  std::vector<MergeRule> rules;
  for (std::uint32_t next = 256; rules.size() < 40;) {
    const std::uint32_t left = tokens[draw(tokens.size())];
    const std::uint32_t right = tokens[draw(tokens.size())];
    if (!known.emplace(std::pair(left, right), next).second) continue;
    rules.push_back({left, right, next});
    tokens.push_back(next++);
  }
  for (std::size_t i = rules.size(); i > 1; --i) std::swap(rules[i - 1], rules[draw(i)]);
  return rules;
}

TEST(MergeTable, ShortAndLongPiecesFollowTheDefinition) {
  std::uint64_t state = 1;
  for (int round = 0; round < 60; ++round) {
    const std::vector<MergeRule> rules = make_rules(state);
    const MergeTable table(identity(), rules);
    for (const std::size_t size : {1, 2, 3, 7, 30, 47, 48, 49, 50, 120, 333}) {
      std::string piece;
      for (std::size_t i = 0; i < size; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        piece.push_back(static_cast<char>('a' + (state >> 40U) % (round % 3 + 1)));
      }
      ASSERT_EQ(merge(table, piece), merge_slowly(rules, piece)) << piece;
    }
  }
}

TEST(MergeTable, NothingAndNoRules) {
  const MergeTable table(identity(), {});
  EXPECT_TRUE(merge(table, "").empty());
  EXPECT_EQ(merge(table, "ab"), (std::vector<std::uint32_t>{'a', 'b'}));
}

TEST(ByteTable, FindsWhatWasAddedAndNothingElse) {
  ByteTable table(5000);
  for (std::uint32_t i = 0; i < 5000; ++i) table.add("key " + std::to_string(i), i);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(table.find("key " + std::to_string(i)), i);
    ASSERT_FALSE(table.find("kex " + std::to_string(i)));
  }
  EXPECT_EQ(table.longest(), 8U);
  EXPECT_FALSE(table.find(""));
  EXPECT_FALSE(ByteTable(0).find("a"));
}

}  // namespace
}  // namespace repro::train
