// What products refuse, and integer outputs that do not fit: the same on every path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/kernels/emulated/emulated_paths.h"
#include "train/kernels/gemm.h"
#include "train/kernels/parallel.h"

namespace repro::train {
namespace {

using Kind = GemmOutput::Kind;
using testing::HasSubstr;

// A product with every digit 1, so that S = k.
struct Ones {
  explicit Ones(std::int64_t m, std::int64_t n, std::int64_t k)
      : digits(static_cast<std::size_t>(std::max(m, n) * k), 1),
        exponents(static_cast<std::size_t>(m), 26),
        integers(static_cast<std::size_t>(m * n)),
        values(static_cast<std::size_t>(m * n)) {
    view = {digits.data(), k, 1};
    output.a_exponent = exponents.data();
    output.integers = integers.data();
    output.values = values.data();
    output.ld = n;
    output.unit = 0;
  }
  std::vector<std::int16_t> digits;
  std::vector<std::int32_t> exponents;
  std::vector<std::int64_t> integers;
  std::vector<float> values;
  DigitView view;
  GemmOutput output;
};

// What the path's error says; empty where there is none.
std::string error_of(const GemmPath& path, std::int64_t m, std::int64_t n, std::int64_t k,
                     const Ones& ones, int threads) {
  Parallel parallel(threads);
  try {
    path.run(m, n, k, ones.view, ones.view, ones.output, parallel);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument) << path.name();
    return error.message();
  }
  return "";
}

TEST(GemmLimits, TheFirstRowOfUnitsThatDoNotFitIsNamedOnEveryPath) {
  for (const GemmPath* path : tested_gemm_paths()) {
    for (const int threads : {1, 3}) {
      Ones ones(300, 70, 10);
      ones.output.kind = Kind::add_units;
      ones.output.limit = 11;
      EXPECT_EQ(error_of(*path, 300, 70, 10, ones, threads), "") << path->name();
      EXPECT_EQ(ones.integers[0], 10);
      ones.exponents[299] = ones.exponents[130] = 27;  // 20 units
      EXPECT_THAT(error_of(*path, 300, 70, 10, ones, threads), HasSubstr("row 130, column 0"))
          << path->name();
    }
  }
}

TEST(GemmLimits, TheFirstBlockThatDoesNotFitIsNamedOnEveryPath) {
  for (const GemmPath* path : tested_gemm_paths()) {
    for (const int threads : {1, 3}) {
      Ones ones(150, 170, 10);
      std::vector<std::int32_t> columns(170, 0);
      ones.output.kind = Kind::add_blocks;
      ones.output.b_exponent = columns.data();
      std::fill(ones.exponents.begin(), ones.exponents.end(), 57);
      columns[169] = columns[143] = 1;  // 10 * 2^58 < 2^62
      EXPECT_EQ(error_of(*path, 150, 170, 10, ones, threads), "") << path->name();
      ones.exponents[141] = ones.exponents[131] = 58;  // 10 * 2^59 in two columns
      EXPECT_THAT(error_of(*path, 150, 170, 10, ones, threads), HasSubstr("row 131, column 143"))
          << path->name();
    }
  }
}

TEST(GemmLimits, AddUnitsTrapsOnTheRoundedAddend) {
  Parallel parallel(1);
  for (const GemmPath* path : tested_gemm_paths()) {
    Ones ones(1, 1, 23);
    ones.output.kind = Kind::add_units;
    ones.output.unit = -1;
    const auto run = [&](std::int64_t k) {
      path->run(1, 1, k, ones.view, ones.view, ones.output, parallel);
    };
    ones.output.limit = 11;
    run(21);  // 10.5 rounds to 10
    EXPECT_EQ(ones.integers[0], 10);
    ones.output.limit = 10;
    EXPECT_THROW(run(21), Error);
    ones.output.limit = 12;
    EXPECT_THROW(run(23), Error);  // 11.5 rounds to 12
    ones.output.limit = 0;
    EXPECT_THROW(run(0), Error);
    EXPECT_EQ(ones.integers[0], 10);
  }
}

TEST(GemmLimits, BlocksHoldAddendsBelow2To62) {
  for (const GemmPath* path : tested_gemm_paths()) {
    Ones ones(1, 1, 1);
    ones.output.kind = Kind::add_blocks;
    ones.exponents[0] = 61;
    EXPECT_EQ(error_of(*path, 1, 1, 1, ones, 1), "");
    EXPECT_EQ(ones.integers[0], std::int64_t{1} << 61);
    ones.exponents[0] = 62;
    EXPECT_THAT(error_of(*path, 1, 1, 1, ones, 1), HasSubstr("row 0, column 0")) << path->name();
    ones.digits[0] = -1;
    const std::int16_t one = 1;
    Parallel parallel(1);
    EXPECT_THROW(path->run(1, 1, 1, ones.view, {&one, 1, 1}, ones.output, parallel), Error)
        << path->name();
    EXPECT_EQ(ones.integers[0], std::int64_t{1} << 61) << path->name();
  }
}

TEST(GemmLimits, SidesBelow2To31AndDepthsTo2To24) {
  constexpr std::int64_t kSide = std::int64_t{1} << 31;
  constexpr std::int64_t kDepth = std::int64_t{1} << 24;
  Ones ones(1, 1, 1);
  for (const GemmPath* path : tested_gemm_paths()) {
    for (const auto& [m, n, k] : {std::array{kSide, std::int64_t{1}, std::int64_t{1}},
                                  std::array{std::int64_t{1}, kSide, std::int64_t{1}},
                                  std::array{kSide, std::int64_t{0}, std::int64_t{0}},
                                  std::array{std::int64_t{0}, std::int64_t{0}, kDepth + 1}}) {
      EXPECT_THAT(error_of(*path, m, n, k, ones, 1), HasSubstr("beyond the limits"))
          << path->name();
    }
    // Empty products of the largest sizes touch nothing.
    EXPECT_EQ(error_of(*path, kSide - 1, 0, kDepth, ones, 1), "") << path->name();
    EXPECT_EQ(error_of(*path, 0, kSide - 1, kDepth, ones, 1), "") << path->name();
  }
}

TEST(GemmLimits, RefusesWhatTheContractExcludes) {
  Parallel parallel(1);
  for (const GemmPath* path : tested_gemm_paths()) {
    Ones ones(4, 4, 4);
    const auto run = [&](std::int64_t m, std::int64_t k) {
      path->run(m, 4, k, ones.view, ones.view, ones.output, parallel);
    };
    EXPECT_NO_THROW(run(4, 4));
    EXPECT_THROW(run(-1, 4), Error);
    EXPECT_THROW(run(4, (std::int64_t{1} << 24) + 1), Error);
    ones.output.a_low = ones.digits.data();
    EXPECT_THROW(run(4, 2049), Error);
    ones.output.a_low = nullptr;
    ones.view.depth_stride = 2;
    EXPECT_THROW(run(4, 4), Error);
    ones.view = {nullptr, 4, 1};
    EXPECT_THROW(run(4, 4), Error);
    ones.view = {ones.digits.data(), 4, 1};
    ones.output.ld = 3;
    EXPECT_THROW(run(4, 4), Error);
    ones.output.ld = 4;
    ones.output.values = nullptr;
    EXPECT_THROW(run(4, 4), Error);
  }
}

}  // namespace
}  // namespace repro::train
