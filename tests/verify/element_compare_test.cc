#include "verify/element_compare.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace repro::verify {
namespace {

template <class T>
ElementDifference compare(const std::string& dtype, const std::vector<T>& a,
                          const std::vector<T>& b) {
  ElementComparer comparer(dtype);
  comparer.update(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
  return comparer.result();
}

TEST(ElementCompare, OfEqualBitsFindsNothing) {
  const auto result = compare<float>("float32", {1, 2, NAN}, {1, 2, NAN});
  EXPECT_EQ(result.num_elements, 3U);
  EXPECT_EQ(result.num_different, 0U);
  EXPECT_FALSE(result.first_index);
}

TEST(ElementCompare, CountsAndMeasuresFloats) {
  const float next = std::nextafter(2.0F, 3.0F);
  const auto result = compare<float>("float32", {1, 2, -1, 4}, {1, next, -1.5F, 4});
  EXPECT_EQ(result.num_different, 2U);
  EXPECT_EQ(result.first_index, 1U);
  EXPECT_EQ(result.first_a, "2");
  EXPECT_EQ(result.first_b, "2.0000002");
  EXPECT_EQ(result.max_absolute, 0.5);
  EXPECT_EQ(result.max_ulp, 1U << 22);  // half a binade of 2^23 steps
}

TEST(ElementCompare, UlpDistanceCrossesZero) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const auto result = compare<float>("float32", {-tiny}, {tiny});
  EXPECT_EQ(result.max_ulp, 2U);
  const auto zeros = compare<float>("float32", {0.0F}, {-0.0F});
  EXPECT_EQ(zeros.num_different, 1U);
  EXPECT_EQ(zeros.max_ulp, 0U);
  EXPECT_EQ(zeros.first_b, "-0");
}

TEST(ElementCompare, DoesNotMeasureWhatIsNotFinite) {
  const float inf = std::numeric_limits<float>::infinity();
  const auto result = compare<float>("float32", {1, inf, NAN}, {NAN, 1, 1});
  EXPECT_EQ(result.num_different, 3U);
  EXPECT_EQ(result.num_not_finite, 3U);
  EXPECT_EQ(result.max_absolute, 0);
}

TEST(ElementCompare, KnowsDoublesHalvesAndBfloats) {
  const auto doubles = compare<double>("float64", {1}, {std::nextafter(1.0, 2.0)});
  EXPECT_EQ(doubles.max_ulp, 1U);
  const auto halves = compare<std::uint16_t>("float16", {0x3c00, 0x0001}, {0x3c01, 0x8001});
  EXPECT_EQ(halves.first_a, "1");
  EXPECT_EQ(halves.max_absolute, std::ldexp(1, -10));
  EXPECT_EQ(halves.max_ulp, 2U);
  const auto infinite = compare<std::uint16_t>("float16", {0x7c00}, {0x7bff});
  EXPECT_EQ(infinite.num_not_finite, 1U);
  const auto bfloats = compare<std::uint16_t>("bfloat16", {0x3f80}, {0x3f82});
  EXPECT_EQ(bfloats.first_b, "1.015625");
  EXPECT_EQ(bfloats.max_ulp, 2U);
}

TEST(ElementCompare, MeasuresIntegersExactly) {
  const auto wide = compare<std::int64_t>("int64", {INT64_MIN}, {INT64_MAX});
  EXPECT_EQ(wide.max_ulp, UINT64_MAX);
  EXPECT_EQ(wide.first_a, "-9223372036854775808");
  const auto small = compare<std::int8_t>("int8", {-128}, {127});
  EXPECT_EQ(small.max_ulp, 255U);
  const auto unsigned_ones = compare<std::uint64_t>("uint64", {0}, {UINT64_MAX});
  EXPECT_EQ(unsigned_ones.max_ulp, UINT64_MAX);
}

TEST(ElementCompare, ComparesUnknownDtypesAsBytes) {
  const auto result = compare<std::uint8_t>("float8_e4m3fn", {1, 2, 3}, {1, 9, 3});
  EXPECT_EQ(result.num_elements, 3U);
  EXPECT_EQ(result.first_index, 1U);
}

TEST(ElementCompare, GoesOnOverPieces) {
  ElementComparer comparer("float32");
  const std::vector<float> a = {1, 2};
  const std::vector<float> b = {1, 3};
  comparer.update(std::as_bytes(std::span(a)), std::as_bytes(std::span(a)));
  comparer.update(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
  comparer.update({}, {});
  EXPECT_EQ(comparer.result().num_elements, 4U);
  EXPECT_EQ(comparer.result().first_index, 3U);
}

}  // namespace
}  // namespace repro::verify
