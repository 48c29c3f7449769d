// Softmax, attention's score gradient and cross-entropy: written expressions, and gradients against
// binary64.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/train/rows/row_inputs.h"
#include "train/numerics/functions.h"
#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

TEST(Softmax, SumsExactUnitsOfTheExponentials) {
  std::vector<float> s = make_values(Values::normal, 300, 71);
  const std::vector<float> before = s;
  const SoftmaxRowResult result = scalar_row_kernels().softmax_row(s.data(), 300);
  EXPECT_EQ(result.max, *std::max_element(before.begin(), before.end()));
  std::int64_t units = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    ASSERT_EQ(s[i], exp32(before[i] - result.max));
    units += std::llrint(std::ldexp(static_cast<double>(s[i]), 40));
  }
  EXPECT_EQ(result.sum, static_cast<float>(std::ldexp(static_cast<long double>(units), -40)));
}

TEST(Softmax, OneEntryAndTiedZeros) {
  std::vector<float> one = {-3.5F};
  EXPECT_EQ(scalar_row_kernels().softmax_row(one.data(), 1).sum, 1.0F);
  EXPECT_EQ(one[0], 1.0F);
  std::vector<float> zeros = {-0.0F, 0.0F, -0.0F};
  const SoftmaxRowResult result = scalar_row_kernels().softmax_row(zeros.data(), 3);
  EXPECT_EQ(to_bits(result.max), 0U);
  EXPECT_EQ(result.sum, 3.0F);
}

TEST(Attention, DIsTheExactSumOfDequantisedProducts) {
  const std::vector<std::int16_t> digits = {16383, -8192, 3, 0};
  const std::vector<float> o = {0.5F, 1.25F, -2, 7};
  std::vector<float> terms;
  for (int i = 0; i < 4; ++i) terms.push_back(std::ldexp(static_cast<float>(digits[i]), -8) * o[i]);
  for (const RowKernels* table : all_row_kernels()) {
    EXPECT_EQ(table->attention_d(digits.data(), 5, o.data(), 4), sum31(terms));
    EXPECT_EQ(table->attention_d(digits.data(), kNoExponent, o.data(), 4), 0.0F);
  }
}

TEST(Attention, ScoreGradientIsTheSoftmaxJacobian) {
  constexpr std::int64_t kCount = 20;
  std::vector<float> p = make_values(Values::normal, kCount, 72);
  std::vector<float> dp = make_values(Values::normal, kCount, 73);
  const std::vector<float> dp0 = dp;
  const SoftmaxRowResult result = scalar_row_kernels().softmax_row(p.data(), kCount);
  double d = 0;
  for (int i = 0; i < kCount; ++i) d += static_cast<double>(p[i]) / result.sum * dp[i];
  scalar_row_kernels().attention_backward_row(
      {p.data(), dp.data(), kCount, result.sum, static_cast<float>(d), 0.125F});
  double sum = 0;
  for (int i = 0; i < kCount; ++i) {
    EXPECT_NEAR(dp[i], p[i] * (dp0[i] - d) * 0.125, 1e-7);
    sum += dp[i];
  }
  EXPECT_NEAR(sum, 0, 1e-7);
}

struct CrossEntropy {
  std::vector<float> logits;
  CrossEntropyRowResult result;
};

CrossEntropy run(const std::vector<float>& logits, std::int64_t target, float weight,
                 float z_loss) {
  CrossEntropy out{logits, {}};
  out.result = scalar_row_kernels().cross_entropy_row(
      {out.logits.data(), static_cast<std::int64_t>(logits.size()), target, weight, z_loss, true});
  return out;
}

TEST(CrossEntropyRow, GradientsAreThoseOfTheLoss) {
  const std::vector<float> logits = make_values(Values::normal, 50, 81);
  const double c = 1e-2;
  const auto loss = [&](std::vector<double> at, std::size_t i, double h) {
    at[i] += h;
    double sum = 0;
    for (double value : at) sum += std::exp(value);
    const double z = std::log(sum);
    return 0.5 * (z - at[7] + c * z * z);
  };
  const std::vector<double> at(logits.begin(), logits.end());
  const CrossEntropy got = run(logits, 7, 0.5F, 1e-2F);
  for (std::size_t j = 0; j < logits.size(); ++j) {
    const double want = (loss(at, j, 1e-5) - loss(at, j, -1e-5)) / 2e-5;
    const double value = j == 7 ? got.result.a : got.logits[j];
    EXPECT_NEAR(value, want, 1e-7) << j;
  }
  EXPECT_EQ(got.logits[7], 0.0F);
  EXPECT_NEAR(std::ldexp(static_cast<double>(got.result.loss_units), -30), loss(at, 0, 0) * 2,
              1e-6);
  EXPECT_GT(got.result.loss_units, got.result.ce_units);
  EXPECT_NEAR(got.result.bound, 0.5 * (1 + 2e-2 * got.result.log_sum_exp), 1e-6);
}

TEST(CrossEntropyRow, TheTargetsShareKeepsItsDigitsWhenTheModelIsSure) {
  // 1 - P_t is about 4e-9: a difference of binary32 numbers would be zero.
  std::vector<float> logits(2, 0.0F);
  logits[0] = 19.3F;
  const CrossEntropy got = run(logits, 0, 1.0F, 0.0F);
  const double rest = 1 / (1 + std::exp(19.3));
  EXPECT_NEAR(got.result.a / -rest, 1, 1e-3);
  EXPECT_NEAR(got.logits[1] / rest, 1, 1e-5);
}

TEST(CrossEntropyRow, WeightZeroCountsNothing) {
  const CrossEntropy got = run({1, 2, 3}, 2, 0.0F, 1e-4F);
  EXPECT_EQ(got.result.loss_units, 0);
  EXPECT_EQ(got.result.ce_units, 0);
  EXPECT_FALSE(got.result.correct);
  EXPECT_EQ(got.result.a, 0.0F);
  EXPECT_EQ(got.result.bound, 0.0F);
  EXPECT_EQ(got.logits, (std::vector<float>{0, 0, 0}));
}

TEST(CrossEntropyRow, TheFirstMaximumIsTheGuess) {
  EXPECT_TRUE(run({1, 5, 5, 0}, 1, 1.0F, 0.0F).result.correct);
  EXPECT_FALSE(run({1, 5, 5, 0}, 2, 1.0F, 0.0F).result.correct);
  EXPECT_FALSE(run({1, 5, 5, 0}, 0, 1.0F, 0.0F).result.correct);
  EXPECT_FALSE(run({-0.0F, 0.0F}, 1, 1.0F, 0.0F).result.correct);
  EXPECT_TRUE(run({-0.0F, 0.0F}, 0, 1.0F, 0.0F).result.correct);
}

TEST(CrossEntropyRow, ForwardOnlyLeavesTheExponentials) {
  std::vector<float> logits = {0, 1, 2};
  const CrossEntropyRowArgs args{logits.data(), 3, 1, 1.0F, 1e-4F, false};
  const CrossEntropyRowResult forward = scalar_row_kernels().cross_entropy_row(args);
  EXPECT_EQ(logits, (std::vector<float>{exp32(-2), exp32(-1), 1}));
  EXPECT_EQ(forward.loss_units, run({0, 1, 2}, 1, 1.0F, 1e-4F).result.loss_units);
  const float log_sum = forward.log_sum_exp - 2.0F;
  EXPECT_NEAR(std::ldexp(static_cast<double>(forward.ce_units), -30), 1.0F + log_sum, 1e-6);
}

}  // namespace
}  // namespace repro::train
