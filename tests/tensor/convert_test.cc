#include "artifacts/tensor/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace repro::artifacts {
namespace {

template <class Value>
std::span<const std::byte> bytes_of(const Value& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::uint32_t widened_bits(std::string_view dtype, std::uint16_t bits) {
  std::vector<std::byte> scratch;
  const auto wide = widen_to_float32(dtype, bytes_of(bits), scratch);
  std::uint32_t word = 0;
  EXPECT_EQ(wide.size(), sizeof word);
  std::memcpy(&word, wide.data(), sizeof word);
  return word;
}

float widened(std::string_view dtype, std::uint16_t bits) {
  const std::uint32_t word = widened_bits(dtype, bits);
  float value = 0;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

struct Rounded {
  std::uint16_t bits = 0;
  std::uint64_t changed = 0;
};
Rounded rounded(std::uint32_t bits) {
  std::vector<std::byte> into;
  const std::uint64_t changed = round_to_bfloat16(bytes_of(bits), into);
  Rounded result{0, changed};
  EXPECT_EQ(into.size(), sizeof result.bits);
  std::memcpy(&result.bits, into.data(), sizeof result.bits);
  return result;
}

TEST(Convert, EveryBfloat16ComesBackWithItsBits) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto narrow = static_cast<std::uint16_t>(bits);
    const Rounded back = rounded(widened_bits("bfloat16", narrow));
    ASSERT_EQ(back.bits, narrow);
    ASSERT_EQ(back.changed, 0U);
  }
}

// From the definition: sign, exponent - 15, 1.fraction; or 0.fraction below it.
TEST(Convert, EveryFloat16IsTheNumberItStandsFor) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>((bits >> 10) & 31U);
    const double fraction = (bits & 1023U) / 1024.0;
    const float value = widened("float16", static_cast<std::uint16_t>(bits));
    ASSERT_EQ(std::signbit(value), bits >= 0x8000);
    if (exponent == 31) {
      ASSERT_TRUE(fraction == 0 ? std::isinf(value) : std::isnan(value)) << bits;
    } else {
      const double expected =
          exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
      ASSERT_EQ(std::abs(value), static_cast<float>(expected)) << bits;
    }
  }
}

TEST(Convert, RoundsToNearestAndTiesToEven) {
  const auto expect = [](std::uint32_t bits, std::uint16_t wanted) {
    const Rounded result = rounded(bits);
    EXPECT_EQ(result.bits, wanted) << std::hex << bits;
    EXPECT_EQ(result.changed, 1U);
  };
  expect(0x3F808000, 0x3F80);  // a tie, down to even
  expect(0x3F818000, 0x3F82);  // a tie, up to even
  expect(0x3F808001, 0x3F81);
  expect(0x3F807FFF, 0x3F80);
  expect(0xBF818000, 0xBF82);
  expect(0x00008000, 0x0000);  // subnormal
  expect(0x00018000, 0x0002);
  expect(0x7F7FFFFF, 0x7F80);  // the largest number becomes infinity
  EXPECT_EQ(rounded(0x7F800000).bits, 0x7F80);
  EXPECT_EQ(rounded(0x7F800001).bits, 0x7FC0);  // a NaN stays one
  EXPECT_EQ(rounded(0xFFC10001).bits, 0xFFC1);
}

TEST(Convert, Float32IsHandedOnAsItIs) {
  const float value = 1.5F;
  std::vector<std::byte> scratch;
  EXPECT_EQ(widen_to_float32("float32", bytes_of(value), scratch).data(), bytes_of(value).data());
  EXPECT_TRUE(is_weight_dtype("float16"));
  EXPECT_FALSE(is_weight_dtype("float64"));
}

}  // namespace
}  // namespace repro::artifacts
