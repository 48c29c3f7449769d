#include "train/numerics/wide_int.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace repro::train {
namespace {

TEST(WideInt, SquaresCarryThroughAllLimbs) {
  std::uint64_t limb[3] = {UINT64_MAX, UINT64_MAX, 0};
  add_square192(limb, -1);
  EXPECT_EQ(limb[0], 0U);
  EXPECT_EQ(limb[1], 0U);
  EXPECT_EQ(limb[2], 1U);
}

TEST(WideInt, TheLeastInt64HasASquare) {
  std::uint64_t limb[3] = {0, 0, 0};
  for (int i = 0; i < 4; ++i) add_square192(limb, INT64_MIN);
  EXPECT_EQ(limb[0], 0U);
  EXPECT_EQ(limb[1], 0U);
  EXPECT_EQ(limb[2], 1U);  // 4 * 2^126
  EXPECT_EQ(sum192_to_double(limb), 0x1p128);
  EXPECT_EQ(sqrt192(limb), 0x1p64);
}

TEST(WideInt, AdditionIsThatOfTheIntegers) {
  std::uint64_t total[3] = {UINT64_MAX, 5, 7};
  const std::uint64_t part[3] = {1, UINT64_MAX, 1};
  add192(total, part);
  EXPECT_EQ(total[0], 0U);
  EXPECT_EQ(total[1], 5U);
  EXPECT_EQ(total[2], 9U);
}

TEST(WideInt, ConversionRoundsOnceTiesToEven) {
  const std::uint64_t tie[3] = {1, std::uint64_t{1} << 10, std::uint64_t{1} << 63};
  EXPECT_EQ(sum192_to_double(tie), std::ldexp(1.0, 191));  // far below the rounding bit
  const std::uint64_t even[3] = {0, 0, (std::uint64_t{1} << 63) + (std::uint64_t{1} << 10)};
  EXPECT_EQ(sum192_to_double(even), std::ldexp(1.0, 191));
  const std::uint64_t above[3] = {1, 0, (std::uint64_t{1} << 63) + (std::uint64_t{1} << 10)};
  EXPECT_EQ(sum192_to_double(above), std::ldexp(1.0 + 0x1p-52, 191));
  const std::uint64_t odd[3] = {0, 0, (std::uint64_t{1} << 63) + (std::uint64_t{3} << 10)};
  EXPECT_EQ(sum192_to_double(odd), std::ldexp(1.0 + 0x1p-51, 191));
  const std::uint64_t zero[3] = {0, 0, 0};
  EXPECT_EQ(sum192_to_double(zero), 0.0);
}

TEST(WideInt, ConversionOfOneAndTwoLimbsMatchesTheCompiler) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t high = random() >> (random() % 64);
    const std::uint64_t low = random() << (random() % 64);
    const std::uint64_t limb[3] = {low, i % 2 == 0 ? high : 0, 0};
    const unsigned __int128 value = static_cast<unsigned __int128>(limb[1]) << 64 | low;
    ASSERT_EQ(sum192_to_double(limb), static_cast<double>(value));
  }
}

}  // namespace
}  // namespace repro::train
