#include "train/kernels/gemm.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/kernels/emulated/emulated_paths.h"
#include "tests/train/kernels/gemm_reference.h"
#include "train/kernels/cpu/gemm_paths.h"
#include "train/kernels/parallel.h"

namespace repro::train {
namespace {

using Kind = GemmOutput::Kind;
using Digits = GemmCase::Digits;

std::string describe(const GemmCase& c) {
  return std::to_string(c.m) + " x " + std::to_string(c.n) + " x " + std::to_string(c.k) +
         ", kind " + std::to_string(static_cast<int>(c.kind)) + ", digits " +
         std::to_string(static_cast<int>(c.digits)) + ", turned " + std::to_string(c.a_transposed) +
         std::to_string(c.b_transposed) + (c.two_digits ? ", two digits" : "") +
         (c.causal ? ", causal " + std::to_string(c.causal_offset) : "") + ", exponents " +
         std::to_string(c.exponent_low) + ".." + std::to_string(c.exponent_high) + ", seed " +
         std::to_string(c.seed);
}

// Every path, of this CPU and emulated, gives the reference's bits.
void expect_all_agree(const GemmCase& shape, int threads = 1,
                      const std::vector<const GemmPath*>& paths = tested_gemm_paths()) {
  const GemmProblem problem(shape);
  const OutputBits expected = problem.expected();
  Parallel parallel(threads);
  for (const GemmPath* path : paths) {
    EXPECT_TRUE(problem.computed(*path, parallel) == expected)
        << path->name() << ", " << threads << " threads: " << describe(shape);
  }
}

TEST(GemmReference, RoundsOnceToBinary32) {
  EXPECT_EQ(reference_float(3, -1), 1.5F);
  EXPECT_EQ(reference_float(-1, 127), -0x1p127F);
  EXPECT_EQ(reference_float((1 << 24) + 1, 0), 0x1p24F);
  EXPECT_EQ(reference_float((1 << 24) + 3, 0), 0x1p24F + 4);
  EXPECT_EQ(reference_float((1 << 25) - 1, 103), std::numeric_limits<float>::infinity());
  EXPECT_EQ(reference_float(3, -150), 0x1p-148F);
  EXPECT_EQ(reference_float(1, -150), 0.0F);
  EXPECT_EQ(reference_float(0x1FFFFFF, -151), 0x1p-126F);
}

TEST(GemmReference, RoundsIntegersToEven) {
  EXPECT_EQ(reference_integer(5, -1), 2);
  EXPECT_EQ(reference_integer(-7, -1), -4);
  EXPECT_EQ(reference_integer(5, 3), 40);
  EXPECT_EQ(reference_integer(1, -1), 0);
  EXPECT_EQ(reference_integer(-3, 61), -(std::int64_t{1} << 62));
}

TEST(Gemm, AgreesOnSidesAroundTiles) {
  const std::vector<std::int64_t> sides = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 67};
  for (const std::int64_t m : sides) {
    for (const std::int64_t n : sides) {
      GemmCase shape;
      shape.m = m;
      shape.n = n;
      shape.k = 19;
      shape.a_transposed = n % 2 == 1;
      shape.b_transposed = m % 2 == 1;
      shape.seed = static_cast<std::uint64_t>(m * 100 + n);
      expect_all_agree(shape);
    }
  }
}

TEST(Gemm, AgreesOnDepthsAroundStepsWindowsAndSweeps) {
  for (const std::int64_t k :
       {0,  1,   2,   7,   8,   9,   15,  16,   17,   31,   32,   33,   47,   63,   64,
        65, 127, 128, 129, 511, 512, 513, 1023, 1024, 1025, 1531, 8191, 8192, 8193, 16385}) {
    for (const Digits digits : {Digits::gaussian, Digits::all_largest, Digits::alternating,
                                Digits::split_edges, Digits::one_huge}) {
      GemmCase shape;
      shape.m = 5;
      shape.n = 18;
      shape.k = k;
      shape.digits = digits;
      shape.a_transposed = k % 3 == 0;
      shape.b_transposed = k % 3 == 1;
      expect_all_agree(shape);
    }
  }
}

TEST(Gemm, AgreesWhereSumsAreLargest) {
  GemmCase shape;
  shape.m = 1;
  shape.n = 2;
  shape.k = std::int64_t{1} << 24;
  shape.digits = Digits::all_largest;
  expect_all_agree(shape, 1, available_gemm_paths(nullptr));  // emulation would take half a minute
}

TEST(Gemm, AgreesAroundTheDepthThatAnAccumulatorHolds) {
  for (const std::int64_t bound : {std::int64_t{1} << 16, std::int64_t{1} << 19}) {
    for (const std::int64_t k : {bound - 1, bound, bound + 1}) {
      GemmCase shape;
      shape.m = 2;
      shape.n = 3;
      shape.k = k;
      shape.digits = k == bound ? Digits::all_largest : Digits::alternating;
      expect_all_agree(shape);
    }
  }
}

TEST(Gemm, AgreesForEveryThreadCountAndManyTasks) {
  for (const int threads : {1, 2, 3, 7}) {
    for (const Kind kind : {Kind::to_float, Kind::add_units, Kind::add_blocks}) {
      GemmCase shape;
      shape.m = 197;
      shape.n = 301;
      shape.k = 130;
      shape.kind = kind;
      shape.digits = Digits::gaussian;
      shape.a_transposed = kind == Kind::add_units;
      shape.b_transposed = kind == Kind::add_units;
      expect_all_agree(shape, threads);
    }
  }
}

TEST(Gemm, AgreesOnSeveralPackedParts) {
  GemmCase shape;  // more rows and more depth than are packed at a time
  shape.m = 270;
  shape.n = 33;
  shape.k = 8192 + 40;
  shape.digits = Digits::gaussian;
  expect_all_agree(shape, 2);
}

TEST(Gemm, AgreesOnSubnormalOverflowingAndUndecidedExponents) {
  struct Span {
    std::int32_t low;
    std::int32_t high;
  };
  for (const Span span : {Span{-82, -70}, Span{62, 70}, Span{-300, 300}, Span{-1500, 1500},
                          Span{-2000000000, 2000000000}}) {
    GemmCase shape;
    shape.m = 37;
    shape.n = 41;
    shape.k = 21;
    shape.exponent_low = span.low;
    shape.exponent_high = span.high;
    expect_all_agree(shape);
    shape.digits = Digits::sparse;
    expect_all_agree(shape);
  }
}

TEST(Gemm, AgreesWhereRowsAndColumnsCancelLargeExponents) {
  for (const std::int32_t tilt : {-1010, -988, -500, -380, 380, 500, 1010}) {
    for (const Kind kind : {Kind::to_float, Kind::add_blocks}) {
      GemmCase shape;
      shape.m = 10;
      shape.n = 11;
      shape.k = 50;
      shape.kind = kind;
      shape.digits = Digits::all_largest;
      shape.exponent_tilt = tilt;
      expect_all_agree(shape);
    }
  }
}

TEST(Gemm, AgreesOnIntegersOfAllMagnitudes) {
  for (const std::int32_t middle : {-70, -40, -31, -20, -2, 2, 6, 9, 13, 17}) {
    for (const Kind kind : {Kind::add_units, Kind::add_blocks}) {
      GemmCase shape;
      shape.m = 19;
      shape.n = 35;
      shape.k = 40;
      shape.kind = kind;
      shape.exponent_low = middle - 3;
      shape.exponent_high = kind == Kind::add_units ? middle + 4 : middle / 2;
      shape.exponent_low = std::min(shape.exponent_low, shape.exponent_high);
      shape.limit = std::int64_t{1} << 62;
      shape.unit = 32;
      expect_all_agree(shape);
    }
  }
}

TEST(Gemm, AgreesWithTwoDigits) {
  for (const std::int64_t k : {1, 16, 128, 1000, 1024, 2048}) {
    for (const Kind kind : {Kind::to_float, Kind::add_blocks}) {
      for (const Digits digits : {Digits::gaussian, Digits::all_largest, Digits::alternating}) {
        GemmCase shape;
        shape.m = 9;
        shape.n = 21;
        shape.k = k;
        shape.kind = kind;
        shape.digits = digits;
        shape.two_digits = true;
        shape.a_transposed = k == 128;
        shape.b_transposed = k != 1000;
        shape.exponent_low = -4;
        shape.exponent_high = 0;
        expect_all_agree(shape);
      }
    }
  }
}

TEST(Gemm, WritesOnlyWhatACausalMaskShows) {
  for (const std::int64_t offset : {-200, -40, -1, 0, 1, 30, 64, 500}) {
    for (const Kind kind : {Kind::to_float, Kind::add_blocks}) {
      GemmCase shape;
      shape.m = 141;
      shape.n = 150;
      shape.k = 24;
      shape.kind = kind;
      shape.causal = true;
      shape.causal_offset = offset;
      shape.two_digits = kind == Kind::add_blocks;
      shape.exponent_high = 2;
      expect_all_agree(shape, 2);
    }
  }
}

TEST(Gemm, AgreesOnRandomProducts) {
  std::mt19937_64 random(20);
  const auto below = [&random](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  for (int i = 0; i < 150; ++i) {
    GemmCase shape;
    shape.kind = static_cast<Kind>(below(3));
    shape.two_digits = below(4) == 0;
    shape.m = below(100);
    shape.n = below(100);
    shape.k = below(i % 10 == 0 ? 2000 : 150);
    shape.a_transposed = below(2) == 0;
    shape.b_transposed = below(2) == 0;
    shape.causal = below(3) == 0;
    shape.causal_offset = below(60) - 30;
    shape.digits = static_cast<Digits>(below(7));
    shape.exponent_low = -static_cast<std::int32_t>(below(40));
    shape.exponent_high = 0;
    shape.seed = random();
    expect_all_agree(shape, static_cast<int>(1 + below(3)));
  }
}

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

TEST(Gemm, AddUnitsTrapsAtTheLimitAndNamesTheFirstElement) {
  for (const GemmPath* path : tested_gemm_paths()) {
    for (const int threads : {1, 3}) {
      Parallel parallel(threads);
      Ones ones(300, 70, 10);
      ones.output.kind = Kind::add_units;
      ones.output.limit = 11;
      path->run(300, 70, 10, ones.view, ones.view, ones.output, parallel);
      EXPECT_EQ(ones.integers[0], 10);
      ones.exponents[299] = 27;  // 20 units
      ones.exponents[130] = 27;
      try {
        path->run(300, 70, 10, ones.view, ones.view, ones.output, parallel);
        FAIL() << path->name();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::invalid_argument);
        EXPECT_NE(error.message().find("row 130, column 0"), std::string::npos) << error.message();
      }
    }
  }
}

TEST(Gemm, AddUnitsTrapsOnTheRoundedAddend) {
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

TEST(Gemm, AddBlocksTrapsWhereAnAddendDoesNotFit) {
  Parallel parallel(1);
  for (const GemmPath* path : tested_gemm_paths()) {
    Ones ones(1, 1, 1);
    ones.output.kind = Kind::add_blocks;
    ones.exponents[0] = 61;
    path->run(1, 1, 1, ones.view, ones.view, ones.output, parallel);
    EXPECT_EQ(ones.integers[0], std::int64_t{1} << 61);
    ones.exponents[0] = 62;
    EXPECT_THROW(path->run(1, 1, 1, ones.view, ones.view, ones.output, parallel), Error);
  }
}

TEST(Gemm, RefusesWhatTheContractExcludes) {
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

TEST(Gemm, WorksInsideATask) {
  Parallel parallel(3);
  GemmCase shape;
  shape.m = 70;
  shape.n = 40;
  shape.k = 64;
  const GemmProblem problem(shape);
  const OutputBits expected = problem.expected();
  const GemmPath& path = *tested_gemm_paths().back();
  std::vector<int> agrees(20);
  parallel.run(20, [&](std::int64_t i) {
    agrees[static_cast<std::size_t>(i)] = problem.computed(path, parallel) == expected ? 1 : 0;
  });
  EXPECT_EQ(agrees, std::vector<int>(20, 1));
}

// Whatever binary64 product is given: here one whose zeros are negative and whose order is
// reversed.
void reversed_double_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const double* a,
                          const double* b, double* c) {
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = -0.0;
      for (std::int64_t d = k; d-- > 0;) sum += a[i * k + d] * b[j * k + d];
      c[i * n + j] = sum == 0 ? -0.0 : sum;
    }
  }
}

TEST(Gemm, DoublePathTakesAnyProduct) {
  GemmCase shape;
  shape.m = 12;
  shape.n = 9;
  shape.k = 33;
  shape.digits = Digits::sparse;
  const GemmProblem problem(shape);
  Parallel parallel(1);
  for (const GemmPath* path : available_gemm_paths(reversed_double_gemm)) {
    EXPECT_TRUE(problem.computed(*path, parallel) == problem.expected()) << path->name();
  }
  EXPECT_EQ(available_gemm_paths(reversed_double_gemm)[1],
            available_gemm_paths(reversed_double_gemm)[1]);
}

}  // namespace
}  // namespace repro::train
