#include "train/kernels/gemm.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

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
  const std::vector<std::int64_t> sides = {0,  1,  2,  3,  4,  5,  7,  8,  9, 13,
                                           15, 16, 17, 31, 32, 33, 61, 67, 97};
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

// Few rows are multiplied as they lie where depth is contiguous, packed where it is not.
TEST(Gemm, AgreesOnFewRowsUnpackedAndPacked) {
  for (const std::int64_t m : {1, 2, 7, 8, 9}) {
    for (const std::int64_t k : {1, 15, 16, 63, 64, 65, 200}) {
      for (const Digits digits : {Digits::all_largest, Digits::alternating}) {
        GemmCase shape;
        shape.m = m;
        shape.n = k == 64 ? 257 : 131;
        shape.k = k;
        shape.digits = digits;
        shape.kind = k % 2 == 0 ? Kind::to_float : Kind::add_blocks;
        shape.causal = m == 7;
        shape.causal_offset = 127;
        shape.b_transposed = m == 2 && k == 63;
        expect_all_agree(shape, m == 8 ? 3 : 1);
      }
    }
  }
}

TEST(Gemm, AgreesWhereSumsAreLargest) {
  GemmCase shape;
  shape.m = 1;
  shape.n = 2;
  shape.k = std::int64_t{1} << 24;
  shape.digits = Digits::all_largest;
  // Unpacked, then packed; emulation would take half a minute.
  expect_all_agree(shape, 1, available_gemm_paths(nullptr));
  shape.b_transposed = true;
  expect_all_agree(shape, 1, available_gemm_paths(nullptr));
}

TEST(Gemm, AgreesAroundTheDepthThatAnAccumulatorHolds) {
  for (const std::int64_t bound : {std::int64_t{1} << 16, std::int64_t{1} << 19}) {
    for (const std::int64_t k : {bound - 1, bound, bound + 1}) {
      GemmCase shape;
      shape.m = 2;
      shape.n = 3;
      shape.k = k;
      shape.digits = k == bound ? Digits::all_largest : Digits::alternating;
      shape.b_transposed = true;  // packed
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
