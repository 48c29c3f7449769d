#include "train/numerics/split_digits.h"

#include <gtest/gtest.h>

#include <random>

namespace repro::train {
namespace {

constexpr std::int32_t kLargest = 16383;

TEST(SplitDigits, EveryDigitIsItsHalves) {
  for (std::int32_t q = -kLargest; q <= kLargest; ++q) {
    const SplitDigit digit = split_digit(static_cast<std::int16_t>(q));
    ASSERT_EQ(256 * digit.high + digit.low, q);
    ASSERT_LE(std::abs(digit.high), 64);
  }
}

struct Sums {
  std::int64_t high = 0, cross = 0, low = 0, exact = 0;

  void add(std::int16_t a, std::int16_t b) {
    const SplitDigit x = split_digit(a);
    const SplitDigit y = split_digit(b);
    high += x.high * y.high;
    cross += x.high * y.low + x.low * y.high;
    low += x.low * y.low;
    exact += std::int64_t{a} * b;
  }
  std::int64_t joined() const {
    return join_sums(static_cast<std::int32_t>(high), static_cast<std::int32_t>(cross),
                     static_cast<std::int32_t>(low));
  }
};

TEST(SplitDigits, SumsOfRandomDigitsAreJoinedExactly) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> digit(-kLargest, kLargest);
  for (int i = 0; i < 300; ++i) {
    Sums sums;
    for (auto k = random() % 5000; k > 0; --k) {
      sums.add(static_cast<std::int16_t>(digit(random)), static_cast<std::int16_t>(digit(random)));
    }
    ASSERT_EQ(sums.joined(), sums.exact);
  }
}

TEST(SplitDigits, TheLargestSumsOfTheWholeDepthStayBelowHalfAnInt32) {
  // -16384 is no digit: h = 64 and l = -128 meet in 16256.
  for (const int a : {kLargest, -kLargest, 16256, -16256, -128, 127, 128}) {
    for (const int b : {kLargest, -kLargest, 16256, -16256, -128, 127, 128}) {
      Sums sums;
      for (std::int64_t k = 0; k < kSplitDepth; ++k) {
        sums.add(static_cast<std::int16_t>(a), static_cast<std::int16_t>(b));
      }
      for (const std::int64_t sum : {sums.high, sums.cross, sums.low}) {
        EXPECT_LE(std::abs(sum), std::int64_t{1} << 30) << a << " " << b;
      }
      EXPECT_EQ(sums.joined(), sums.exact);
    }
  }
}

}  // namespace
}  // namespace repro::train
