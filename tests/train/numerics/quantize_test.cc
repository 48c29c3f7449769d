#include "train/numerics/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace repro::train {
namespace {

// The definition: floor(log2 |x|), plus 1 where the digit would round to 2^14.
int reference_exponent15(float x) {
  const int floor = std::ilogb(x);
  const double digit = std::nearbyint(std::ldexp(std::fabs(static_cast<double>(x)), 13 - floor));
  return digit == 16384 ? floor + 1 : floor;
}

TEST(Quantize, Exponent15FollowsItsDefinition) {
  for (std::uint32_t bits = 1; bits < kInfinityBits; bits += 997) {
    ASSERT_EQ(exponent15(from_bits(bits)), reference_exponent15(from_bits(bits))) << bits;
  }
  for (std::uint32_t exponent : {0U, 1U, 100U, 127U, 254U}) {
    for (std::uint32_t mantissa = 0x7FF000; mantissa <= 0x7FFFFF; ++mantissa) {
      const float x = from_bits(exponent << 23 | mantissa);
      ASSERT_EQ(exponent15(x), reference_exponent15(x)) << x;
    }
  }
}

TEST(Quantize, ATieBelowTheNextPowerGoesUp) {
  EXPECT_EQ(exponent15(0x1.fffcp0F), 1);    // 16383.5 -> 16384
  EXPECT_EQ(exponent15(0x1.fffbfep0F), 0);  // just below
}

TEST(Quantize, SubnormalsHaveExponents) {
  EXPECT_EQ(exponent15(0x1p-149F), -149);
  EXPECT_EQ(exponent15(from_bits(0x007FFFFF)), -126);
  EXPECT_EQ(exponent15(from_bits(0x00400000)), -127);
}

TEST(Quantize, DigitsAreTheRoundedExactProduct) {
  std::mt19937 random(3);
  for (int i = 0; i < 200000; ++i) {
    const float x = from_bits(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(x) || x == 0) continue;
    const int shift = 13 - exponent15(x) - static_cast<int>(random() % 20);
    const double product = std::ldexp(static_cast<double>(x), shift);
    const float scaled = scaled_to_digit(x, split_scale(shift));
    const std::int32_t q = digit15(scaled);
    ASSERT_EQ(q, static_cast<std::int32_t>(std::nearbyint(product))) << x << " " << shift;
    ASSERT_LE(std::abs(q), 16383);
    const double low = std::nearbyint((product - q) * 16384);
    ASSERT_EQ(second_digit(scaled, q), static_cast<std::int32_t>(low)) << x << " " << shift;
  }
}

TEST(Quantize, ShiftsFarOutsideGiveZero) {
  EXPECT_EQ(digit15(scaled_to_digit(0x1.fffffep127F, split_scale(-(1 << 20)))), 0);
  EXPECT_EQ(digit15(scaled_to_digit(0.0F, split_scale(1 << 20))), 0);
  EXPECT_EQ(digit15(scaled_to_digit(0x1p-149F, split_scale(162))), 8192);
}

TEST(Quantize, Sum31DoesNotDependOnOrder) {
  std::mt19937 random(5);
  std::vector<float> x(1000);
  for (float& value : x) value = std::ldexp(static_cast<float>(random()) - 2e9F, -40);
  const float sum = sum31(x);
  std::vector<float> reversed(x.rbegin(), x.rend());
  EXPECT_EQ(sum31(reversed), sum);
  double exact = 0;
  for (float value : x) exact += value;
  EXPECT_NEAR(sum, exact, 1e-6);
}

TEST(Quantize, Sum31OfOneElementIsTheElement) {
  for (float x : {1.0F, -0x1.fffffep0F, 0x1p-149F, -0x1.8p-140F, 0x1.fffffep127F}) {
    EXPECT_EQ(sum31(std::vector<float>{x}), x);
  }
}

TEST(Quantize, Sum31OfNothingOrZerosIsPlusZero) {
  EXPECT_EQ(to_bits(sum31({})), 0U);
  EXPECT_EQ(to_bits(sum31(std::vector<float>{-0.0F, -0.0F})), 0U);
}

TEST(Quantize, Sum31OfANonFiniteVectorIsNan) {
  EXPECT_EQ(to_bits(sum31(std::vector<float>{1.0F, INFINITY})), kCanonicalNan);
  EXPECT_EQ(to_bits(sum31(std::vector<float>{-NAN, 1.0F})), kCanonicalNan);
}

TEST(Quantize, Sum31RoundsTheIntegerOnceToBinary32) {
  // 2^29 + 2^5 + 1: one unit above a tie of binary32.
  const std::vector<float> x = {0x1p0F, 0x1p-24F, 0x1p-29F};
  EXPECT_EQ(sum31(x), 0x1.000002p0F);
  EXPECT_EQ(sum31(std::vector<float>{0x1p0F, 0x1p-24F}), 1.0F);
}

TEST(Quantize, GradientUnitsSaturateBeyondInt64) {
  EXPECT_EQ(gradient_units(1.0F, 32), std::int64_t{1} << 32);
  EXPECT_EQ(gradient_units(-0x1p-33F, 32), 0);
  EXPECT_EQ(gradient_units(0x1.8p-32F, 32), 2);
  EXPECT_EQ(gradient_units(1e30F, 32), INT64_MAX);
}

}  // namespace
}  // namespace repro::train
