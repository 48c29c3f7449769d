#include "train/numerics/float_bits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace repro::train {
namespace {

// x87's 64-bit significand holds every int64, so its conversion to float is the one rounding.
float reference_rne32(std::int64_t v, int e) {
  return static_cast<float>(std::ldexp(static_cast<long double>(v), e));
}

std::vector<std::int64_t> hard_integers() {
  std::vector<std::int64_t> values = {0, 1, -1, 3, INT64_MAX, INT64_MIN, INT64_MIN + 1};
  for (int bit = 20; bit < 63; ++bit) {
    const std::int64_t power = std::int64_t{1} << bit;
    // Binary32 ties and their neighbours, and the same one binary64 rounding away.
    const std::int64_t tie = power + (power >> 24);
    const std::int64_t odd_tie = power + 3 * (power >> 24);
    for (std::int64_t base : {power, tie, odd_tie, power + (power >> 24) + (power >> 23)}) {
      for (std::int64_t offset : {-1, 0, 1, 2}) {
        values.push_back(base + offset);
        values.push_back(-(base + offset));
      }
    }
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    values.push_back(static_cast<std::int64_t>(random()) >> (random() % 64));
  }
  return values;
}

TEST(FloatBits, ExponentFloorIsFloorOfLog2) {
  EXPECT_EQ(exponent_floor(1.0F), 0);
  EXPECT_EQ(exponent_floor(-1.5F), 0);
  EXPECT_EQ(exponent_floor(0.99999994F), -1);
  EXPECT_EQ(exponent_floor(0x1p-126F), -126);
  EXPECT_EQ(exponent_floor(0x1.8p-127F), -127);
  EXPECT_EQ(exponent_floor(-0x1p-149F), -149);
  EXPECT_EQ(exponent_floor(0x1.fffffep127F), 127);
  for (std::uint32_t bits = 1; bits < kInfinityBits; bits += 9973) {
    ASSERT_EQ(exponent_floor(from_bits(bits)), std::ilogb(from_bits(bits))) << bits;
  }
}

TEST(FloatBits, PowersOfTwoAreExact) {
  for (int e = -1022; e <= 1023; ++e) ASSERT_EQ(power_of_two(e), std::ldexp(1.0, e));
  for (int e = -126; e <= 127; ++e) ASSERT_EQ(power_of_two32(e), std::ldexp(1.0F, e));
}

TEST(FloatBits, Rne32ScaledRoundsOnceForEveryIntegerAndExponent) {
  for (std::int64_t v : hard_integers()) {
    for (int e : {0,    -1,   -26,  -63,  -64,  13,   64,   65,   66,   90,  -100,
                  -140, -149, -150, -160, -185, -200, -211, -212, -213, -220}) {
      ASSERT_EQ(to_bits(rne32_scaled(v, e)), to_bits(reference_rne32(v, e))) << v << " " << e;
    }
  }
}

TEST(FloatBits, Rne32ScaledSaturatesFarOutside) {
  EXPECT_EQ(to_bits(rne32_scaled(std::int64_t{0}, 5000)), 0U);
  EXPECT_EQ(to_bits(rne32_scaled(std::int64_t{1}, 5000)), kInfinityBits);
  EXPECT_EQ(to_bits(rne32_scaled(INT64_MAX, -5000)), 0U);
  EXPECT_EQ(to_bits(rne32_scaled(std::int64_t{-1}, -5000)), 0x80000000U);
}

TEST(FloatBits, Rne32ScaledOfIntegerValuedDoublesIsTheSame) {
  for (std::int64_t v : hard_integers()) {
    if (std::abs(v) >= (std::int64_t{1} << 53) || v == INT64_MIN) continue;
    for (int e : {0, -26, -150, -180, 70}) {
      ASSERT_EQ(to_bits(rne32_scaled(static_cast<double>(v), e)), to_bits(rne32_scaled(v, e)));
    }
  }
}

TEST(FloatBits, RneScaledBreaksTiesToEven) {
  EXPECT_EQ(rne_scaled(0.5, 0), 0);
  EXPECT_EQ(rne_scaled(1.5, 0), 2);
  EXPECT_EQ(rne_scaled(2.5, 0), 2);
  EXPECT_EQ(rne_scaled(-0.5, 0), 0);
  EXPECT_EQ(rne_scaled(-1.5, 0), -2);
  EXPECT_EQ(rne_scaled(-2.5, 0), -2);
  EXPECT_EQ(rne_scaled(5.0, -1), 2);
  EXPECT_EQ(rne_scaled(7.0, -1), 4);
}

TEST(FloatBits, RneScaledIsExactOverTheWholeRange) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 100000; ++i) {
    const double mantissa = static_cast<double>(static_cast<std::int64_t>(random()) >> 11);
    const int e = static_cast<int>(random() % 140) - 130;
    const long double product = std::ldexp(static_cast<long double>(mantissa), e);
    if (std::fabs(product) >= 0x1p62L) continue;
    ASSERT_EQ(rne_scaled(mantissa, e), std::llrint(product)) << mantissa << " " << e;
  }
}

TEST(FloatBits, RneScaledSaturatesAndNamesNan) {
  EXPECT_EQ(rne_scaled(1.0, 62), std::int64_t{1} << 62);
  EXPECT_EQ(rne_scaled(1.0, 63), INT64_MAX);
  EXPECT_EQ(rne_scaled(-1.0, 63), INT64_MIN);
  EXPECT_EQ(rne_scaled(-1.0, 64), INT64_MIN);
  EXPECT_EQ(rne_scaled(1e300, 5000), INT64_MAX);
  EXPECT_EQ(rne_scaled(1e300, -5000), 0);
  EXPECT_EQ(rne_scaled(0x1p-1074, 1074), 1);
  EXPECT_EQ(rne_scaled(0x1p-1074, 1100), std::int64_t{1} << 26);
  EXPECT_EQ(rne_scaled(std::nan(""), 3), INT64_MIN);
  EXPECT_EQ(rne_scaled(INFINITY, 0), INT64_MAX);
}

TEST(FloatBits, RoundToIntegerKeepsLargeValues) {
  for (double x : {0.0, 0.49999999999999994, 4503599627370495.5, 4503599627370497.0, -1.5, 1e300}) {
    EXPECT_EQ(round_to_integer(x), std::nearbyint(x)) << x;
    EXPECT_EQ(round_to_integer(-x), std::nearbyint(-x)) << x;
  }
}

}  // namespace
}  // namespace repro::train
