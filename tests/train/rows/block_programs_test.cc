// The programs of block_programs.h on an emulated grid: rows in blocks against the scalar row
// kernels, sums of blocks against integers of 128 bits.
#include "train/kernels/cuda/block_programs.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/train/rows/program_test.h"

namespace repro::train {
namespace {

using Wide = __int128;

class QuantizeBlocksProgram : public ProgramTest {
 protected:
  QuantizeBlocksProgram() {
    args_.rows = below(12) + 1;
    args_.cols = below(150) + 1;
    args_.ld = args_.cols + below(5);
    args_.block = coin() ? 16 * (below(4) + 1) : below(200) + 1;
    args_.group_rows = below(args_.rows + 3) + 1;
    args_.fold_stride = args_.cols + below(3);
    x_ = floats(args_.rows * args_.ld);
    fold_ = folds(groups() * args_.fold_stride);
    // A block that is empty in every row of a group, and a row of zeros.
    if (coin()) std::fill_n(fold_.begin(), std::min(args_.block, args_.cols), kEmptyExponent);
    if (coin()) std::fill_n(x_.end() - args_.ld, args_.ld, coin() ? 0.0F : -0.0F);
    args_.x = x_.data();
    args_.fold = fold_.data();
  }
  std::int64_t groups() const { return piece_count(args_.rows, args_.group_rows); }
  std::int64_t operand_rows() const { return args_.blocks() * args_.rows; }
  std::int64_t split_size() const { return operand_rows() * 2 * padded_depth(args_.block); }

  struct Wanted {
    WantedSplit high, low;
    std::vector<std::int32_t> exponents;
  };
  // Row by row, for the fold is the group's.
  Wanted wanted(bool second) const {
    const WantedSplit empty(operand_rows(), padded_depth(args_.block), false);
    Wanted want{empty, empty, std::vector<std::int32_t>(static_cast<std::size_t>(operand_rows()))};
    for (std::int64_t i = 0; i < operand_rows(); ++i) {
      const std::int64_t row = i % args_.rows;
      const Piece piece = piece_at(i / args_.rows, args_.cols, args_.block);
      std::vector<std::int16_t> q(static_cast<std::size_t>(piece.size));
      std::vector<std::int16_t> low(q.size());
      scalar_row_kernels().quantize_rows(
          {args_.x + row * args_.ld + piece.begin, 1, piece.size, args_.ld,
           args_.fold + row / args_.group_rows * args_.fold_stride + piece.begin, q.data(),
           second ? low.data() : nullptr, piece.size, want.exponents.data() + i});
      for (std::int64_t k = 0; k < piece.size; ++k) {
        want.high.put(i, k, q[static_cast<std::size_t>(k)]);
        want.low.put(i, k, low[static_cast<std::size_t>(k)]);
      }
    }
    return want;
  }

  std::vector<float> x_;
  std::vector<std::int32_t> fold_;
  QuantizeBlocksBatch args_;
};

TEST_P(QuantizeBlocksProgram, EveryBlockOfARowHasItsExponent) {
  const bool second = coin();
  const Wanted want = wanted(second);
  Guarded<std::int8_t> high(split_size());
  Guarded<std::int8_t> low(split_size());
  Guarded<std::int32_t> exponents(operand_rows());
  args_.high = high.data();
  args_.low = second ? low.data() : nullptr;
  args_.exponents = exponents.data();
  run(args_);
  EXPECT_EQ(exponents.values(), want.exponents);
  EXPECT_EQ(high.values(), want.high.values);
  EXPECT_EQ(low.values(), second ? want.low.values : Guarded<std::int8_t>(split_size()).values());
  EXPECT_TRUE(high.intact() && low.intact() && exponents.intact());
}

INSTANTIATE_TEST_SUITE_P(Shapes, QuantizeBlocksProgram, testing::Range(0U, 24U));

// rne(s * 2^exponent); |s| < 2^53, exponent < 60.
Wide rounded(Wide s, int exponent) {
  if (exponent >= 0) return s * (Wide{1} << exponent);
  if (exponent < -60) return 0;
  const Wide unit = Wide{1} << -exponent;
  const Wide down = (s < 0 ? s - (unit - 1) : s) / unit;  // towards minus infinity
  const Wide rest = 2 * (s - down * unit);
  return down + (rest > unit || (rest == unit && down % 2 != 0) ? 1 : 0);
}

TEST(Rounded, HalvesGoToTheEvenNeighbour) {
  EXPECT_TRUE(rounded(5, -1) == 2 && rounded(7, -1) == 4 && rounded(-5, -1) == -2);
  EXPECT_TRUE(rounded(-7, -1) == -4 && rounded(-1, -1) == 0 && rounded(-3, -2) == -1);
  EXPECT_TRUE(rounded(-3, 3) == -24 && rounded(1, -61) == 0 && rounded(0, -3) == 0);
}

class AddBlocksProgram : public ProgramTest {
 protected:
  AddBlocksProgram() {
    args_.blocks = below(4) + 1;
    args_.rows = below(12) + 1;
    args_.cols = below(80) + 1;
    args_.ld_sums = padded_columns(args_.cols);
    if (coin()) {
      args_.groups.rows = below(5) + 1;
      args_.groups.stride = args_.groups.rows + below(3);
    }
    const std::int64_t places = place(args_.rows - 1) + 1;
    integers_ = integers<std::int64_t>(places * args_.cols, -1000000, 1000000);
    bounds_ = integers<std::int32_t>(places, -150, 120);
    for (std::int32_t& bound : bounds_) bound = below(6) == 0 ? kNoExponent : bound;
    // A block's exponent is at most the bound; above it, from some row on, sums trap.
    const std::int64_t first_above = coin() ? args_.rows : below(args_.rows);
    for (std::int64_t i = 0; i < args_.blocks * args_.rows; ++i) {
      const std::int32_t bound = bound_of(i);
      const bool empty = bound == kNoExponent || below(6) == 0;
      const std::int64_t below_bound = i % args_.rows < first_above ? below(60) : below(60) - 40;
      exponents_.push_back(empty ? kEmptyExponent : bound - static_cast<std::int32_t>(below_bound));
    }
    args_.exponents = exponents_.data();
    args_.bounds = bounds_.data();
  }

  // Where a row's bound and integers lie.
  std::int64_t place(std::int64_t row) const {
    const std::int64_t group = row / args_.groups.rows;
    return group * args_.groups.stride + (row - group * args_.groups.rows);
  }
  std::int32_t bound_of(std::int64_t block_row) const {
    return bounds_[static_cast<std::size_t>(place(block_row % args_.rows))];
  }

  // Nearly as large as blocks of 2048 digits give them: S with a second digit stays below 2^53. An
  // empty row's are 0.
  struct Sums {
    std::vector<std::int32_t> high, cross, low;

    DigitSums view() const { return {high.data(), cross.data(), low.data()}; }
    Wide at(std::size_t i) const { return Wide{65536} * high[i] + Wide{256} * cross[i] + low[i]; }
  };
  Sums random_sums() {
    constexpr std::int64_t kLargestHigh = (1 << 23) - (1 << 18);
    const std::int64_t size = args_.blocks * args_.rows * args_.ld_sums;
    Sums sums{integers<std::int32_t>(size, -kLargestHigh, kLargestHigh),
              integers<std::int32_t>(size, -(1 << 25), 1 << 25),
              integers<std::int32_t>(size, -(1 << 25), 1 << 25)};
    for (std::size_t i = 0; i < sums.high.size(); ++i) {
      if (exponents_[i / static_cast<std::size_t>(args_.ld_sums)] != kEmptyExponent) continue;
      sums.high[i] = sums.cross[i] = sums.low[i] = 0;
    }
    return sums;
  }

  std::vector<std::int64_t> integers_;
  std::vector<std::int32_t> bounds_;
  std::vector<std::int32_t> exponents_;
  AddBlocksBatch args_;
};

TEST_P(AddBlocksProgram, EveryBlockIsRoundedOnceAndAddedOrTraps) {
  const bool second = coin();
  const Sums first = random_sums();
  const Sums rest = random_sums();
  constexpr Wide kTrap = Wide{1} << 62;
  std::vector<std::int64_t> want = integers_;
  std::int64_t want_trap = kNoIndex;
  for (std::int64_t i = 0; i < args_.blocks * args_.rows * args_.cols; ++i) {
    const std::int64_t block_row = i / args_.cols;
    const std::int64_t element = place(block_row % args_.rows) * args_.cols + i % args_.cols;
    const std::int32_t exponent = exponents_[static_cast<std::size_t>(block_row)];
    if (exponent == kEmptyExponent) continue;
    const auto at = static_cast<std::size_t>(block_row * args_.ld_sums + i % args_.cols);
    const Wide s = second ? first.at(at) * 16384 + rest.at(at) : first.at(at);
    const Wide addend = rounded(s, exponent + 12 - bound_of(block_row) - (second ? 14 : 0));
    if (addend >= kTrap || addend <= -kTrap) {
      want_trap = std::min(want_trap, element);
    } else {
      want[static_cast<std::size_t>(element)] += static_cast<std::int64_t>(addend);
    }
  }
  Guarded<std::int64_t> sums(static_cast<std::int64_t>(integers_.size()));
  std::copy(integers_.begin(), integers_.end(), sums.data());
  std::vector<std::int64_t> first_trap = {kNoIndex};
  args_.first = first.view();
  if (second) args_.second = rest.view();
  args_.integers = sums.data();
  args_.first_trap = first_trap.data();
  run(args_);
  EXPECT_EQ(sums.values(), want);
  EXPECT_EQ(first_trap[0], want_trap);
  EXPECT_TRUE(sums.intact());
}

INSTANTIATE_TEST_SUITE_P(Shapes, AddBlocksProgram, testing::Range(0U, 24U));

}  // namespace
}  // namespace repro::train
