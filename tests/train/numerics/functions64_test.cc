#include "train/numerics/functions64.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace repro::train {
namespace {

TEST(Functions64, SineAndCosineAreAccurateForEveryAngleOfAMillionPositions) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200000; ++i) {
    const double x = static_cast<double>(random() % (1U << 20)) *
                     std::ldexp(static_cast<double>(random() >> 11), -53);
    ASSERT_NEAR(sin64(x), static_cast<double>(std::sin(static_cast<long double>(x))), 0x1p-52) << x;
    ASSERT_NEAR(cos64(x), static_cast<double>(std::cos(static_cast<long double>(x))), 0x1p-52) << x;
    ASSERT_NEAR(cos64(-x), cos64(x), 0);
    ASSERT_NEAR(sin64(-x), -sin64(x), 0);
  }
  for (int x = 0; x < (1 << 20); x += 7) {
    ASSERT_NEAR(sin64(x), static_cast<double>(std::sin(static_cast<long double>(x))), 0x1p-52) << x;
  }
}

TEST(Functions64, SpecialAnglesAndTheEndOfTheRange) {
  EXPECT_EQ(sin64(0.0), 0.0);
  EXPECT_EQ(cos64(0.0), 1.0);
  EXPECT_EQ(cos64(0x1.921fb54442d18p+1), -1.0);  // pi
  EXPECT_NEAR(sin64(0x1p30), std::sin(0x1p30), 1e-15);
  EXPECT_TRUE(std::isnan(sin64(0x1.0000000000001p30)));
  EXPECT_TRUE(std::isnan(cos64(-INFINITY)));
  EXPECT_TRUE(std::isnan(cos64(NAN)));
}

TEST(Functions64, ExponentialAndLogarithmAreAccurate) {
  for (double x = -700; x < 700; x += 0.0137) {
    ASSERT_NEAR(exp64(x) / static_cast<double>(std::exp(static_cast<long double>(x))), 1, 0x1p-51);
  }
  for (double x = 1e-300; x < 1e300; x *= 1.0173) {
    const double want = static_cast<double>(std::log(static_cast<long double>(x)));
    ASSERT_NEAR(log64(x), want, std::fabs(want) * 0x1p-50) << x;
  }
  for (double x = 0.5; x < 2; x += 0.0001) {
    const double want = static_cast<double>(std::log(static_cast<long double>(x)));
    ASSERT_NEAR(log64(x), want, std::fabs(want) * 0x1p-50) << x;
  }
}

TEST(Functions64, ExponentialAndLogarithmOutsideTheirRangeAreNan) {
  EXPECT_EQ(exp64(0.0), 1.0);
  EXPECT_TRUE(std::isnan(exp64(709)));
  EXPECT_TRUE(std::isnan(exp64(NAN)));
  EXPECT_EQ(log64(1.0), 0.0);
  EXPECT_FALSE(std::signbit(log64(1.0)));
  EXPECT_TRUE(std::isnan(log64(0.0)));
  EXPECT_TRUE(std::isnan(log64(-1.0)));
  EXPECT_TRUE(std::isnan(log64(0x1p-1060)));
  EXPECT_TRUE(std::isnan(log64(INFINITY)));
}

TEST(Functions64, PowersMultiplyFromTheLeastSignificantBit) {
  EXPECT_EQ(power_int(0.9, 0), 1.0);
  EXPECT_EQ(power_int(0.9, 1), 0.9);
  const double square = 0.9 * 0.9;
  EXPECT_EQ(power_int(0.9, 7), (0.9 * square) * (square * square));
  EXPECT_NEAR(power_int(0.999, 1000), std::pow(0.999, 1000), 1e-14);
  EXPECT_EQ(power_int(2.0, 1023), 0x1p1023);
}

TEST(Functions64, RopeFrequenciesFollowTheirFormula) {
  EXPECT_EQ(rope_frequency(500000.0, 0, 64), 1.0);
  for (int i = 0; i < 64; ++i) {
    const double want = std::pow(500000.0, -2.0 * i / 128);
    ASSERT_NEAR(rope_frequency(500000.0, i, 128) / want, 1, 1e-14) << i;
  }
}

}  // namespace
}  // namespace repro::train
