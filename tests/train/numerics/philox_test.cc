#include "train/numerics/philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace repro::train {
namespace {

void expect_block(std::uint64_t key, const PhiloxBlock& counter, const PhiloxBlock& want) {
  const PhiloxBlock got = philox4x32_10(key, counter);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(got.word[i], want.word[i]) << i;
}

// The known answers that Random123 ships for philox4x32, 10 rounds.
TEST(Philox, GivesTheKnownAnswers) {
  expect_block(0, {{0, 0, 0, 0}}, {{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}});
  expect_block(UINT64_MAX, {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}},
               {{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}});
  expect_block(0x299F31D0A4093822U, {{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}},
               {{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}});
}

TEST(Philox, KeysSeparatePurposesAndSeeds) {
  EXPECT_EQ(fnv1a64(""), 0xCBF29CE484222325U);
  EXPECT_EQ(fnv1a64("a"), 0xAF63DC4C8601EC8CU);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171F73967E8U);
  EXPECT_NE(stream_key(0, "init/1:a"), stream_key(0, "init/1:b"));
  EXPECT_EQ(stream_key(5, "x") ^ stream_key(4, "x"), 1U);
}

TEST(Philox, ElementsAreWordsOfTheirBlock) {
  const std::uint64_t index = (std::uint64_t{3} << 36) + 4 * 7 + 2;
  const PhiloxBlock block = philox4x32_10(9, {{7, 12, 5, 6}});
  EXPECT_EQ(random_word(9, (std::uint64_t{12} << 34) + 4 * 7 + 2, 5, 6), block.word[2]);
  EXPECT_NE(random_word(9, index), random_word(9, index + 1));
}

TEST(Philox, UniformsAre24BitFractions) {
  EXPECT_EQ(uniform32(0), 0.0F);
  EXPECT_EQ(uniform32(255), 0.0F);
  EXPECT_EQ(uniform32(256), 0x1p-24F);
  EXPECT_EQ(uniform32(UINT32_MAX), 1.0F - 0x1p-24F);
}

TEST(Philox, TruncatedNormalsStayInsideAndHaveTheRightSpread) {
  std::vector<float> values(100000);
  fill_truncated_normal(1, "w", 0.02, 3.0, values);
  double square = 0;
  double sum = 0;
  for (float value : values) {
    ASSERT_LE(std::fabs(value), 0.06F);
    sum += value;
    square += static_cast<double>(value) * value;
  }
  EXPECT_NEAR(sum / 1e5, 0, 0.02 * 4 / std::sqrt(1e5));
  // The variance of a normal cut at 3 is 0.973337.
  EXPECT_NEAR(square / 1e5 / (0.02 * 0.02), 0.9733, 0.015);
  EXPECT_GT(*std::max_element(values.begin(), values.end()), 0.055F);
}

TEST(Philox, InitialValuesDependOnNothingButSeedNameAndIndex) {
  std::vector<float> whole(1001);
  std::vector<float> part(10);
  fill_truncated_normal(7, "t", 1.0, 1.0, whole);
  fill_truncated_normal(7, "t", 1.0, 1.0, part);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin()));
  fill_truncated_normal(7, "t", 1.0, 1.0, part, 500);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 500));
  const std::uint64_t key = stream_key(7, "init/1:t");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    ASSERT_EQ(whole[i], truncated_normal32(key, i, 1.0F)) << i;
  }
  std::vector<float> other(10);
  fill_truncated_normal(8, "t", 1.0, 1.0, other);
  EXPECT_NE(part, other);
}

TEST(Philox, ACutThatNothingPassesStillEnds) {
  const float z = truncated_normal32(1, 0, 1e-30F);
  EXPECT_EQ(std::fabs(z), 1e-30F);
}

TEST(Permutation, VisitsEveryPlaceOnce) {
  for (std::uint64_t n : {1U, 2U, 3U, 4U, 5U, 16U, 17U, 1000U, 4096U, 4097U}) {
    std::vector<bool> seen(n, false);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t place = permutation(42, i, n);
      ASSERT_LT(place, n);
      ASSERT_FALSE(seen[place]) << n << " " << i;
      seen[place] = true;
    }
  }
}

TEST(Permutation, KeysGiveDifferentOrders) {
  int same = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    same += permutation(1, i, 1000) == permutation(2, i, 1000) ? 1 : 0;
  }
  EXPECT_LT(same, 10);
}

TEST(Permutation, PlacesAreSpreadEvenly) {
  // Chi-squared over a 10 x 10 table of (index, place) tenths, 200 keys; the mean of 81 degrees of
  // freedom.
  double chi = 0;
  for (std::uint64_t key = 0; key < 200; ++key) {
    std::vector<int> count(100, 0);
    for (std::uint64_t i = 0; i < 100; ++i) {
      ++count[(i / 10) * 10 + permutation(key, i, 100) / 10];
    }
    for (int c : count) chi += (c - 1.0) * (c - 1.0);
  }
  EXPECT_NEAR(chi / 200, 81.8, 4);
}

TEST(Permutation, WorksForHugeRanges) {
  const std::uint64_t n = (std::uint64_t{1} << 62) - 3;
  EXPECT_LT(permutation(1, n - 1, n), n);
  EXPECT_NE(permutation(1, 0, n), permutation(1, 1, n));
}

}  // namespace
}  // namespace repro::train
