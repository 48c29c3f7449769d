// dotB's last step, gradient units, AdamW and scans against their definitions.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/train/rows/row_inputs.h"
#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

std::vector<std::int64_t> integers(std::size_t count) {
  std::mt19937_64 random(91);
  std::vector<std::int64_t> values(count);
  for (std::int64_t& value : values) value = static_cast<std::int64_t>(random()) >> (random() % 64);
  return values;
}

TEST(FinishBlocks, RoundsOnceAndDivides) {
  const std::vector<std::int64_t> blocks = integers(1001);
  std::vector<float> values(blocks.size());
  for (const RowKernels* table : all_row_kernels()) {
    for (std::int32_t bound : {0, 11, -130, -160, 100}) {
      table->finish_blocks(blocks.data(), 1001, bound, 3.0F, values.data());
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        const auto one =
            static_cast<float>(std::ldexp(static_cast<long double>(blocks[i]), bound - 38));
        ASSERT_EQ(values[i], one / 3.0F) << table->name << " " << blocks[i] << " " << bound;
      }
    }
  }
}

TEST(AddUnits, RoundsTheRoundedProduct) {
  for (Values kind : {Values::normal, Values::spread, Values::subnormal}) {
    const std::vector<float> x = make_values(kind, 500, 92);
    for (const RowKernels* table : all_row_kernels()) {
      std::vector<std::int64_t> units(x.size(), 1000);
      EXPECT_EQ(table->add_units(x.data(), 0.3F, 500, 32, INT64_MAX, units.data()), -1);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const float product = x[i] * 0.3F;
        ASSERT_EQ(units[i], 1000 + std::llrint(std::ldexp(static_cast<double>(product), 32)));
      }
    }
  }
}

TEST(AddUnits, LargeTermsTakeTheSlowWayToTheSameValues) {
  const std::vector<float> x = {3e8F, 1.5F * 0x1p-33F, -3e8F};
  for (const RowKernels* table : all_row_kernels()) {
    std::vector<std::int64_t> units(3);
    EXPECT_EQ(table->add_units(x.data(), 1.0F, 3, 32, INT64_MAX, units.data()), -1);
    EXPECT_EQ(units, (std::vector<std::int64_t>{std::int64_t{300000000} << 32, 1,
                                                -(std::int64_t{300000000} << 32)}));
    EXPECT_EQ(table->add_units(x.data(), 1.0F, 3, 32, std::int64_t{300000000} << 32, units.data()),
              0);
    EXPECT_EQ(table->add_units(x.data(), 0x1p-8F, 3, 32, (std::int64_t{300000000} << 24) + 1,
                               units.data()),
              -1);
    const std::vector<float> bad = {1.0F, INFINITY};
    EXPECT_EQ(table->add_units(bad.data(), 1.0F, 2, 32, std::int64_t{1} << 61, units.data()), 1);
  }
}

TEST(AddScaledDigits, AddsARoundedProductOfTheExactValue) {
  const std::vector<std::int16_t> digits = {16383, -5, 0, 1};
  for (const RowKernels* table : all_row_kernels()) {
    std::vector<float> y = {1, 2, 3, 4};
    table->add_scaled_digits(digits.data(), 3, 0.7F, 4, y.data());
    for (int i = 0; i < 4; ++i) {
      const float product = 0.7F * std::ldexp(static_cast<float>(digits[i]), -10);
      EXPECT_EQ(y[i], static_cast<float>(i + 1) + product);
    }
    table->add_scaled_digits(digits.data(), kNoExponent, 0.7F, 4, y.data());
    EXPECT_EQ(y[2], 3.0F);
  }
}

AdamwArgs adamw_args(std::vector<float>& w, std::vector<float>& m, std::vector<float>& v,
                     const std::vector<std::int64_t>& gradient) {
  return {w.data(),
          m.data(),
          v.data(),
          gradient.data(),
          static_cast<std::int64_t>(w.size()),
          32,
          2048.0F,
          0.7F,
          0.9F,
          0.1F,
          0.95F,
          0.05F,
          0.19F,
          0.0975F,
          1e-8F,
          1e-3F,
          1e-4F};
}

TEST(Adamw, IsItsWrittenExpression) {
  std::vector<std::int64_t> gradient = integers(333);
  for (std::int64_t& g : gradient) g >>= 16;
  std::vector<float> w = make_values(Values::normal, 333, 93);
  std::vector<float> m = make_values(Values::spread, 333, 94);
  std::vector<float> v = make_values(Values::equal, 333, 95);
  const std::vector<float> w0 = w, m0 = m, v0 = v;
  scalar_row_kernels().adamw(adamw_args(w, m, v, gradient));
  for (std::size_t i = 0; i < w.size(); ++i) {
    const auto sum = static_cast<float>(std::ldexp(static_cast<long double>(gradient[i]), -32));
    const float mean = sum / 2048.0F;
    const float g = mean * 0.7F;
    const float fresh = 0.1F * g;
    const float square = g * g;
    const float fresh_square = 0.05F * square;
    ASSERT_EQ(m[i], std::fma(0.9F, m0[i], fresh));
    ASSERT_EQ(v[i], std::fma(0.95F, v0[i], fresh_square));
    const float mh = m[i] / 0.19F, vh = v[i] / 0.0975F;
    const float decay = 1e-4F * w0[i], move = 1e-3F * mh, root = std::sqrt(vh) + 1e-8F;
    const float kept = w0[i] - decay, ratio = move / root;
    ASSERT_EQ(w[i], kept - ratio) << i;
  }
}

TEST(Adamw, FollowsTheRealOptimiser) {
  std::vector<std::int64_t> gradient = integers(100);
  for (std::int64_t& g : gradient) g >>= 20;
  std::vector<float> w = make_values(Values::normal, 100, 96);
  std::vector<float> m(100), v(100);
  const std::vector<float> w0 = w;
  scalar_row_kernels().adamw(adamw_args(w, m, v, gradient));
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double g = std::ldexp(static_cast<double>(gradient[i]), -32) / 2048 * 0.7;
    const double mh = 0.1 * g / 0.19, vh = 0.05 * g * g / 0.0975;
    const double want = w0[i] * (1 - 1e-4) - 1e-3 * mh / (std::sqrt(vh) + 1e-8);
    EXPECT_NEAR(w[i], want, 1e-6);
  }
}

TEST(SumSquares, AddsToTheTotalAsAWideInteger) {
  const std::vector<std::int64_t> values = integers(1000);
  Sum192 whole, halves;
  scalar_row_kernels().sum_squares(values.data(), 1000, &whole);
  for (const RowKernels* table : all_row_kernels()) {
    halves = {};
    table->sum_squares(values.data() + 400, 600, &halves);
    table->sum_squares(values.data(), 400, &halves);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(halves.limb[i], whole.limb[i]);
  }
  const std::vector<std::int64_t> least(8, INT64_MIN);
  Sum192 carried;
  scalar_row_kernels().sum_squares(least.data(), 8, &carried);
  EXPECT_EQ(carried.limb[2], 2U);
}

TEST(FindNonFinite, NamesTheFirst) {
  std::vector<float> x(10000, 0x1.fffffep127F);
  for (const RowKernels* table : all_row_kernels()) {
    EXPECT_EQ(table->find_non_finite(x.data(), 0), -1);
    EXPECT_EQ(table->find_non_finite(x.data(), 10000), -1);
    x[9999] = -INFINITY;
    EXPECT_EQ(table->find_non_finite(x.data(), 10000), 9999);
    EXPECT_EQ(table->find_non_finite(x.data(), 9999), -1);
    x[4096] = -NAN;
    EXPECT_EQ(table->find_non_finite(x.data(), 10000), 4096);
    x[9999] = x[4096] = 0;
  }
}

TEST(MaxAbs, AndSumOfSquares) {
  const std::vector<float> x = {1, -4, 2};
  for (const RowKernels* table : all_row_kernels()) {
    EXPECT_EQ(table->max_abs(x.data(), 3), 4.0F);
    EXPECT_EQ(table->max_abs(x.data(), 0), 0.0F);
    EXPECT_EQ(table->sumsq(x.data(), 3), 21.0F);
  }
}

}  // namespace
}  // namespace repro::train
