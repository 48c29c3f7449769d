#include "train/numerics/functions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace repro::train {
namespace {

// Distance of `got` from the real value, in units of the last place of binary32 at that value.
double ulp_error(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e9;
  if (std::isinf(got) || std::isinf(static_cast<float>(want))) {
    return got == static_cast<float>(want) || std::fabs(want) > 0x1.fffffdp127 ? 0 : 1e9;
  }
  const int exponent = want == 0 ? -126 : std::max(-126, std::ilogb(want));
  return std::fabs(got - want) / std::ldexp(1.0, exponent - 23);
}

// The largest error over a dense sample of all bit patterns and over ordinary arguments.
double worst_ulp(const std::function<float(float)>& f, const std::function<double(double)>& real) {
  double worst = 0;
  const auto look = [&](float x) { worst = std::max(worst, ulp_error(f(x), real(x))); };
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 40009) {
    look(from_bits(static_cast<std::uint32_t>(bits)));
  }
  for (int i = -100000; i <= 100000; ++i) look(static_cast<float>(i) * 0x1.8p-13F);
  return worst;
}

double real_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(Functions, ExpIsWithinTwoUlp) {
  EXPECT_LT(worst_ulp(exp32, [](double x) { return std::exp(x); }), 2);
}
TEST(Functions, LogIsWithinTwoUlp) {
  EXPECT_LT(worst_ulp(log32, [](double x) { return std::log(x); }), 2);
}
TEST(Functions, TanhIsWithinTwoUlp) {
  EXPECT_LT(worst_ulp(tanh32, [](double x) { return std::tanh(x); }), 2);
}
TEST(Functions, ErfIsWithinTwoUlp) {
  EXPECT_LT(worst_ulp(erf32, [](double x) { return std::erf(x); }), 2);
}
TEST(Functions, SigmoidIsWithinTwoUlp) { EXPECT_LT(worst_ulp(sigmoid32, real_sigmoid), 2); }
TEST(Functions, SiluIsWithinTwoUlp) {
  const auto real = [](double x) { return std::isinf(x) && x < 0 ? -0.0 : x * real_sigmoid(x); };
  EXPECT_LT(worst_ulp(silu32, real), 2);
}
TEST(Functions, GeluIsWithinTwoUlp) {
  const auto real = [](double x) {
    return std::isinf(x) && x < 0 ? -0.0 : x * 0.5 * std::erfc(-x / std::sqrt(2.0));
  };
  EXPECT_LT(worst_ulp(gelu32, real), 2);
}

TEST(Functions, ExpMeetsItsContractForSoftmax) {
  EXPECT_EQ(exp32(0.0F), 1.0F);
  EXPECT_EQ(exp32(-0.0F), 1.0F);
  for (std::uint32_t bits = 0x80000000U; bits <= 0xFF800000U; bits += 1009) {
    const float y = exp32(from_bits(bits));
    ASSERT_LE(y, 1.0F);
    ASSERT_GE(y, 0.0F);
  }
  for (std::uint32_t bits = 0x80000000U; bits < 0x80000000U + 100000; ++bits) {
    ASSERT_LE(exp32(from_bits(bits)), 1.0F);
    ASSERT_LE(exp32(-from_bits(0x33000000U + (bits & 0xFFFFF))), 1.0F);
  }
}

TEST(Functions, ExpUnderflowsThroughSubnormals) {
  EXPECT_EQ(exp32(-104.0F), 0.0F);
  EXPECT_EQ(exp32(-103.9F), 0x1p-149F);
  EXPECT_EQ(to_bits(exp32(-INFINITY)), 0U);
  EXPECT_EQ(exp32(88.7F), static_cast<float>(std::exp(static_cast<double>(88.7F))));
  EXPECT_EQ(exp32(88.8F), INFINITY);
  EXPECT_EQ(exp32(INFINITY), INFINITY);
}

TEST(Functions, LogOfSpecialValues) {
  EXPECT_EQ(to_bits(log32(1.0F)), 0U);
  EXPECT_EQ(log32(0.0F), -INFINITY);
  EXPECT_EQ(log32(-0.0F), -INFINITY);
  EXPECT_EQ(log32(INFINITY), INFINITY);
  EXPECT_EQ(to_bits(log32(-1.0F)), kCanonicalNan);
  EXPECT_EQ(to_bits(log32(-0x1p-149F)), kCanonicalNan);
  EXPECT_NEAR(log32(0x1p-149F), -149 * std::log(2.0), 1e-5);
}

TEST(Functions, OddFunctionsKeepTheSignOfZeroAndSaturate) {
  for (float (*f)(float) :
       {+[](float x) { return tanh32(x); }, +[](float x) { return erf32(x); }}) {
    EXPECT_EQ(to_bits(f(-0.0F)), 0x80000000U);
    EXPECT_EQ(f(INFINITY), 1.0F);
    EXPECT_EQ(f(-INFINITY), -1.0F);
    EXPECT_EQ(f(-0.37F), -f(0.37F));
  }
}

TEST(Functions, SigmoidAtTheEnds) {
  EXPECT_EQ(sigmoid32(0.0F), 0.5F);
  EXPECT_EQ(sigmoid32(INFINITY), 1.0F);
  EXPECT_EQ(to_bits(sigmoid32(-INFINITY)), 0U);
  EXPECT_EQ(silu32(INFINITY), INFINITY);
  EXPECT_EQ(to_bits(silu32(-0.0F)), 0x80000000U);
  EXPECT_EQ(to_bits(silu32(-INFINITY)), 0x80000000U);
  EXPECT_EQ(gelu32(INFINITY), INFINITY);
  EXPECT_EQ(to_bits(gelu32(-0.0F)), 0x80000000U);
  EXPECT_EQ(to_bits(gelu32(-INFINITY)), 0x80000000U);
  EXPECT_EQ(gelu32(20.0F), 20.0F);
}

TEST(Functions, EveryNanBecomesTheCanonicalOne) {
  for (std::uint32_t bits : {0x7F800001U, 0x7FC00000U, 0x7FFFFFFFU, 0xFF800001U, 0xFFC12345U}) {
    const float x = from_bits(bits);
    for (float y : {exp32(x), log32(x), tanh32(x), erf32(x), sigmoid32(x), silu32(x), gelu32(x)}) {
      EXPECT_EQ(to_bits(y), kCanonicalNan) << bits;
    }
  }
}

// Newton's iteration on the real distribution function, from the value under test.
double real_normal(std::uint32_t word) {
  const double j = 2.0 * (word & 0x7FFFFFFFU) + 1;
  double z = std::fabs(normal32(word));
  for (int i = 0; i < 4; ++i) {
    const double surplus = z < 1 ? std::erf(z / std::sqrt(2.0)) - j * 0x1p-32
                                 : (4294967296.0 - j) * 0x1p-32 - std::erfc(z / std::sqrt(2.0));
    z -= surplus / (2 * std::exp(-z * z / 2) / std::sqrt(2 * M_PI));
  }
  return z;
}

TEST(Functions, NormalIsWithinTwoUlpOfTheQuantile) {
  double worst = 0;
  const auto look = [&](std::uint32_t word) {
    worst = std::max(worst, ulp_error(normal32(word), real_normal(word)));
  };
  for (std::uint32_t word = 0; word < 0x80000000U; word += 40009) look(word);
  for (std::uint32_t i = 0; i < 2000; ++i) {
    look(i);
    look(0x7FFFFFFFU - i);
  }
  EXPECT_LT(worst, 2);
}

TEST(Functions, NormalIsSymmetricMonotoneAndBounded) {
  float before = 0;
  for (std::uint32_t word = 0; word < 0x80000000U; word += 100003) {
    const float z = normal32(word);
    ASSERT_GT(z, before);
    ASSERT_EQ(normal32(word | 0x80000000U), -z);
    before = z;
  }
  EXPECT_NEAR(normal32(0x7FFFFFFFU), 6.33, 0.01);
  EXPECT_GT(normal32(0), 0.0F);
}

}  // namespace
}  // namespace repro::train
