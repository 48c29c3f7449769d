// The row and column quantisers against their definition, evaluated in binary64.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/train/rows/row_inputs.h"
#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

struct Reference {
  std::int32_t exponent = kNoExponent;
  std::vector<std::int32_t> digits;
  std::vector<std::int32_t> low;
};

// ex(x) of the text, by logarithms and rounding instead of bits.
std::int32_t definition_of_ex(float x) {
  const int floor = std::ilogb(x);
  const double digit = std::nearbyint(std::ldexp(std::fabs(static_cast<double>(x)), 13 - floor));
  return digit == 16384 ? floor + 1 : floor;
}

// `fold` may be empty.
Reference reference(const std::vector<float>& x, const std::vector<std::int32_t>& fold) {
  const auto dropped = [&](std::size_t i) {
    return x[i] == 0 || (!fold.empty() && fold[i] == kNoExponent);
  };
  const auto shift = [&](std::size_t i) { return fold.empty() ? 0 : fold[i]; };
  Reference out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!dropped(i)) out.exponent = std::max(out.exponent, definition_of_ex(x[i]) + shift(i));
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double product =
        dropped(i) ? 0 : std::ldexp(static_cast<double>(x[i]), 13 - out.exponent + shift(i));
    out.digits.push_back(static_cast<std::int32_t>(std::nearbyint(product)));
    out.low.push_back(
        static_cast<std::int32_t>(std::nearbyint((product - out.digits.back()) * 16384)));
  }
  return out;
}

std::vector<std::int32_t> some_folds(std::int64_t count) {
  std::mt19937 random(17);
  std::vector<std::int32_t> fold;
  for (std::int64_t i = 0; i < count; ++i) {
    fold.push_back(i % 5 == 2 ? kNoExponent : static_cast<std::int32_t>(random() % 300) - 150);
  }
  return fold;
}

TEST(QuantizeRows, AreTheDefinitionForEveryKindOfValue) {
  constexpr std::int64_t kCols = 83;
  for (Values kind : kAllValues) {
    const std::vector<float> x = make_values(kind, kCols, 21);
    for (const std::vector<std::int32_t>& fold : {std::vector<std::int32_t>(), some_folds(kCols)}) {
      const Reference want = reference(x, fold);
      std::vector<std::int16_t> digits(kCols), low(kCols);
      std::int32_t exponent = 7;
      scalar_row_kernels().quantize_rows({x.data(), 1, kCols, kCols,
                                          fold.empty() ? nullptr : fold.data(), digits.data(),
                                          low.data(), kCols, &exponent});
      ASSERT_EQ(exponent, want.exponent);
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_EQ(digits[i], want.digits[i]) << i;
        ASSERT_EQ(low[i], want.low[i]) << i;
        ASSERT_LE(std::abs(digits[i]), 16383);
      }
    }
  }
}

TEST(QuantizeColumns, AreTheRowsOfTheTranspose) {
  constexpr std::int64_t kRows = 31;
  constexpr std::int64_t kCols = 19;
  for (Values kind : kAllValues) {
    const std::vector<float> x = make_values(kind, kRows * kCols, 22);
    const std::vector<std::int32_t> fold = some_folds(kRows);
    std::vector<std::int16_t> digits(x.size());
    std::vector<std::int32_t> exponents(kCols);
    scalar_row_kernels().quantize_columns(
        {x.data(), kRows, kCols, kCols, fold.data(), digits.data(), kCols, exponents.data()});
    for (std::int64_t c = 0; c < kCols; ++c) {
      std::vector<float> column;
      for (std::int64_t r = 0; r < kRows; ++r) column.push_back(x[r * kCols + c]);
      const Reference want = reference(column, fold);
      ASSERT_EQ(exponents[c], want.exponent);
      for (std::int64_t r = 0; r < kRows; ++r) {
        ASSERT_EQ(digits[r * kCols + c], want.digits[r]) << r << " " << c;
      }
    }
  }
}

TEST(QuantizeRows, AnEmptyRowHasNoExponentAndZeroDigits) {
  const std::vector<float> x = {0.0F, -0.0F, 1.0F, 2.0F};
  const std::vector<std::int32_t> fold = {3, 4, kNoExponent, kNoExponent};
  std::vector<std::int16_t> digits(8, 5), low(8, 5);
  std::vector<std::int32_t> exponents(2);
  for (const RowKernels* table : all_row_kernels()) {
    table->quantize_rows(
        {x.data(), 2, 2, 2, nullptr, digits.data(), low.data(), 2, exponents.data()});
    EXPECT_EQ(exponents[0], kNoExponent);
    EXPECT_EQ(exponents[1], 1);
    EXPECT_EQ(digits[0], 0);
    EXPECT_EQ(digits[1], 0);
    table->quantize_rows(
        {x.data(), 1, 4, 4, fold.data(), digits.data(), low.data(), 4, exponents.data()});
    EXPECT_EQ(exponents[0], kNoExponent);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(digits[i] | low[i], 0);
    table->quantize_columns({x.data(), 4, 1, 1, fold.data(), digits.data(), 1, exponents.data()});
    EXPECT_EQ(exponents[0], kNoExponent);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(digits[i], 0);
  }
}

TEST(QuantizeRows, NoRowsAndNoColumnsAreFine) {
  std::int32_t exponent = 9;
  scalar_row_kernels().quantize_rows({nullptr, 0, 5, 5, nullptr, nullptr, nullptr, 5, &exponent});
  EXPECT_EQ(exponent, 9);
  scalar_row_kernels().quantize_rows({nullptr, 1, 0, 0, nullptr, nullptr, nullptr, 0, &exponent});
  EXPECT_EQ(exponent, kNoExponent);
}

TEST(QuantizeRows, LeadingDimensionsSkipWhatIsBetweenRows) {
  const std::vector<float> x = {1, 2, 99, 4, 8, 99};
  std::vector<std::int16_t> digits(8, -1);
  std::vector<std::int32_t> exponents(2);
  scalar_row_kernels().quantize_rows(
      {x.data(), 2, 2, 3, nullptr, digits.data(), nullptr, 4, exponents.data()});
  EXPECT_EQ(exponents, (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(digits, (std::vector<std::int16_t>{4096, 8192, -1, -1, 4096, 8192, -1, -1}));
}

}  // namespace
}  // namespace repro::train
