// The mean of weights: golden vectors of the twin (mean_twin.py), then what must hold of any.
#include "artifacts/tensor/mean.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "artifacts/base/environment.h"
#include "artifacts/tensor/exact_sum.h"

namespace repro::artifacts {
namespace {

using Rows = std::vector<std::vector<float>>;

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

std::vector<float> parse_row(const std::string& text) {
  std::istringstream words(text);
  std::vector<float> row;
  for (std::string word; words >> word;) {
    row.push_back(from_bits(static_cast<std::uint32_t>(std::stoul(word, nullptr, 16))));
  }
  return row;
}

std::string text_of(const std::vector<float>& row) {
  std::string text;
  char word[12];
  for (const float value : row) {
    std::snprintf(word, sizeof word, "%s%08x", text.empty() ? "" : " ", bits_of(value));
    text += word;
  }
  return text;
}

std::vector<float> mean_of(MeanFormula formula, const Rows& rows) {
  std::vector<float> out(rows[0].size(), -1);
  mean(formula, std::vector<std::span<const float>>(rows.begin(), rows.end()), out);
  return out;
}

std::vector<float> exact_sum_over(const Rows& rows) {
  std::vector<float> out;
  for (std::size_t i = 0; i < rows[0].size(); ++i) {
    ExactSum sum;
    for (const std::vector<float>& row : rows) sum.add(row[i]);
    out.push_back(sum.over(rows.size()));
  }
  return out;
}

nlohmann::json golden_cases() {
  std::ifstream file(find_environment("REPRO_SOURCE_DIR").value_or(".") +
                     "/tests/golden/merge.json");
  return nlohmann::json::parse(file).at("cases");
}

TEST(Mean, EveryFormulaGivesTheGoldenVectors) {
  const nlohmann::json cases = golden_cases();
  EXPECT_EQ(cases.size(), 45U);
  for (const nlohmann::json& item : cases) {
    Rows rows;
    for (const std::string text : item.at("inputs")) rows.push_back(parse_row(text));
    ASSERT_EQ(rows.size(), item.at("n"));
    for (const std::string name : {"exact", "olmo", "olmo-core", "hf"}) {
      EXPECT_EQ(text_of(mean_of(*find_mean_formula(name), rows)), item.at(name))
          << name << " of " << item.at("n") << " " << item.at("kind");
    }
  }
  EXPECT_EQ(find_mean_formula("mean"), std::nullopt);
}

// docs/arithmetic.md, "The mean of weights".
TEST(Mean, WorkedVectors) {
  Rows rows = {parse_row("3bff09b1"), parse_row("bb528b51"), parse_row("bbf0b975")};
  const auto all = [&] {
    std::string text;
    for (const std::string name : {"exact", "olmo", "olmo-core", "hf"}) {
      text += text_of(mean_of(*find_mean_formula(name), rows)) + " ";
    }
    return text;
  };
  EXPECT_EQ(all(), "ba728e77 ba728e76 ba728e79 ba728e78 ");
  std::reverse(rows.begin(), rows.end());
  EXPECT_EQ(all(), "ba728e77 ba728e78 ba728e77 ba728e78 ");
}

// Both ways of the exact mean, on values that take each of them; any order; more than a block.
TEST(Mean, ExactIsThatOfExactSumsInAnyOrder) {
  std::mt19937 random(3);
  for (const std::size_t n : {1U, 2U, 3U, 6U, 7U, 64U}) {
    Rows rows(n, std::vector<float>(2500));
    for (std::size_t i = 0; i < rows[0].size(); ++i) {
      const std::uint32_t spread = i % 3 == 0 ? 254 : i % 3 == 1 ? 4 : 40;
      for (std::vector<float>& row : rows) {
        const std::uint32_t exponent = (i % 3 == 0 ? 0 : 100) + random() % spread;
        row[i] =
            from_bits((random() & 0x807FFFFF & (i % 5 == 0 ? 0x80700000 : ~0U)) | (exponent << 23));
      }
    }
    const std::vector<float> expected = exact_sum_over(rows);
    EXPECT_EQ(text_of(mean_of(MeanFormula::exact, rows)), text_of(expected)) << n;
    std::shuffle(rows.begin(), rows.end(), random);
    EXPECT_EQ(text_of(mean_of(MeanFormula::exact, rows)), text_of(expected)) << n;
    EXPECT_EQ(find_non_finite(expected), std::nullopt);
  }
}

TEST(Mean, OfOneIsItself) {
  const Rows rows = {parse_row("00000000 80000000 00000001 807fffff 00800000 7f7fffff 3eaaaaab")};
  for (const std::string name : {"exact", "hf"}) {
    EXPECT_EQ(text_of(mean_of(*find_mean_formula(name), rows)), text_of(rows[0])) << name;
  }
}

TEST(Mean, CornersOfTheExactOne) {
  const auto exact = [](const std::vector<std::string>& columns) {
    Rows rows;
    for (const std::string& column : columns) rows.push_back(parse_row(column));
    return text_of(mean_of(MeanFormula::exact, rows));
  };
  // Signs of zero: all -0; one +0; a sum that vanishes; a negative mean below half the least value.
  EXPECT_EQ(exact({"80000000", "80000000"}), "80000000");
  EXPECT_EQ(exact({"80000000", "00000000"}), "00000000");
  EXPECT_EQ(exact({"3f800000", "bf800000"}), "00000000");
  EXPECT_EQ(exact({"80000001", "00000000", "00000000"}), "80000000");
  EXPECT_EQ(exact({"80000001", "80000001", "00000000"}), "80000001");
  // Ties to even, in the subnormal range too; a tie that a far smaller value breaks.
  EXPECT_EQ(exact({"00000001", "00000000"}), "00000000");
  EXPECT_EQ(exact({"00000003", "00000000"}), "00000002");
  EXPECT_EQ(exact({"3f800000", "3f800001"}), "3f800000");
  EXPECT_EQ(exact({"3f800000", "3f800001", "3f800000", "3f800001"}), "3f800000");
  EXPECT_EQ(exact({"3f800001", "3f800002", "00000001", "40000002"}), "3f800002");
  EXPECT_EQ(exact({"3f800000", "3f800001", "3f800000", "3f800001", "00000001"}), "3f4cccce");
  // The sum is beyond binary32, the mean is not; what cancels leaves the small.
  EXPECT_EQ(exact({"7f7fffff", "7f7fffff", "7f7fffff"}), "7f7fffff");
  EXPECT_EQ(exact({"ff7fffff", "ff7fffff"}), "ff7fffff");
  EXPECT_EQ(exact({"7f7fffff", "00000002", "ff7fffff", "00000002"}), "00000001");
}

TEST(Mean, OtherFormulasMayOverflowAndDependOnTheOrder) {
  const Rows large(3, std::vector<float>{std::numeric_limits<float>::max()});
  EXPECT_TRUE(std::isinf(mean_of(MeanFormula::hf, large)[0]));
  const Rows rows = {{1e8F}, {1.0F}, {-1e8F}};
  const Rows other = {{1e8F}, {-1e8F}, {1.0F}};
  EXPECT_NE(mean_of(MeanFormula::hf, rows), mean_of(MeanFormula::hf, other));
  EXPECT_NE(mean_of(MeanFormula::olmo, rows), mean_of(MeanFormula::olmo, other));
  EXPECT_EQ(mean_of(MeanFormula::exact, rows), mean_of(MeanFormula::exact, other));
}

TEST(Mean, NonFiniteValuesAreFound) {
  std::vector<float> values(3000, 1.0F);
  EXPECT_EQ(find_non_finite(values), std::nullopt);
  values[2999] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(find_non_finite(values), 2999U);
  values[1023] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(find_non_finite(values), 1023U);
  EXPECT_EQ(find_non_finite({}), std::nullopt);
}

}  // namespace
}  // namespace repro::artifacts
