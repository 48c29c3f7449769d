// The programs around a product of digits, on an emulated grid of random shape. What they compute
// is tested in tests/train/kernels, where they are one of the paths.
#include <gtest/gtest.h>

#include <vector>

#include "tests/train/rows/program_test.h"
#include "tests/train/rows/serial_warp.h"
#include "train/kernels/cuda/split_gemm.h"

namespace repro::train {
namespace {

class ProductPrograms : public ProgramTest {};

TEST_P(ProductPrograms, JoinedSumsDoNotDependOnTheGrid) {
  JoinBatch args;
  args.rows = below(30) + 1;
  args.cols = below(150) + 1;
  args.ld_sums = args.cols + below(3);
  args.first_row = below(4);
  const std::int64_t size = args.rows * args.ld_sums;
  constexpr std::int64_t kLargest = std::int64_t{1} << 30;
  const auto high = integers<std::int32_t>(size, -kLargest, kLargest);
  const auto cross = integers<std::int32_t>(size, -kLargest, kLargest);
  const auto low = integers<std::int32_t>(size, -kLargest, kLargest);
  const auto exponents = integers<std::int32_t>(args.rows + args.cols, -20, 12);
  args.products = {high.data(), cross.data(), low.data()};
  args.first = below(2) == 0;
  args.last = below(3) != 0;
  args.output.kind = static_cast<GemmOutput::Kind>(below(3));
  args.output.a_exponent = exponents.data();
  args.output.b_exponent = exponents.data() + args.rows;
  args.output.ld = args.cols + below(3);
  args.output.limit = std::int64_t{1} << (40 + below(20));
  args.output.causal = below(2) == 0;
  args.output.causal_offset = below(20) - 10;
  struct Result {
    std::vector<std::int64_t> sums;
    std::vector<std::int64_t> integers;
    std::vector<float> values;
    std::vector<std::int64_t> first_trap = {kNoIndex};
    bool operator==(const Result&) const = default;
  };
  const Result before{integers<std::int64_t>(size, -1000, 1000),
                      integers<std::int64_t>(args.rows * args.output.ld, -1000, 1000),
                      std::vector<float>(static_cast<std::size_t>(args.rows * args.output.ld), 7),
                      {kNoIndex}};
  const auto result = [&](const auto& execute) {
    Result after = before;
    args.sums = after.sums.data();
    args.output.integers = after.integers.data();
    args.output.values = after.values.data();
    args.first_trap = after.first_trap.data();
    execute();
    return after;
  };
  const Result want = result([&] { run_units(SerialWarp(), args); });
  EXPECT_TRUE(result([&] { run(args); }) == want);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProductPrograms, testing::Range(0U, 24U));

}  // namespace
}  // namespace repro::train
