// The programs of attention on an emulated grid of random shape, against what they say they are.
#include "train/kernels/cuda/attention_programs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/train/rows/program_test.h"

namespace repro::train {
namespace {

class AttentionPrograms : public ProgramTest {
 protected:
  // Some of them empty; in some tests all.
  std::vector<std::int32_t> exponents(std::int64_t count) {
    std::vector<std::int32_t> values = integers<std::int32_t>(count, -180, 130);
    const std::int64_t one_of = GetParam() % 5 == 0 ? 1 : 3;
    for (std::int32_t& value : values) {
      if (below(one_of) == 0) value = kNoExponent;
    }
    return values;
  }

  // Positions and heads of one sequence; exponents lie `stride` apart.
  const std::int64_t positions_ = below(150) + 1;
  const std::int64_t kv_heads_ = below(3) + 1;
  const std::int64_t group_ = below(3) + 1;
  const std::int64_t stride_ = positions_ + below(9);
  const std::int64_t first_ = below(positions_);
  const std::int64_t queries_ = below(positions_ - first_) + 1;
};

// The rules of docs/arithmetic.md in wide integers, where an empty vector is far below all others.
constexpr std::int64_t kFar = -(std::int64_t{1} << 40);
std::int64_t wide(std::int32_t exponent) { return exponent == kNoExponent ? kFar : exponent; }
std::int32_t narrow(std::int64_t exponent) {
  return exponent < kFar / 2 ? kNoExponent : static_cast<std::int32_t>(exponent);
}
std::int64_t visible(const std::vector<std::int32_t>& exponents, std::int64_t begin,
                     std::int64_t position) {
  std::int64_t most = kFar;
  for (std::int64_t j = 0; j <= position; ++j) {
    most = std::max(most, wide(exponents[static_cast<std::size_t>(begin + j)]));
  }
  return most;
}

TEST_P(AttentionPrograms, ScoresAreDot15UpToTheDiagonal) {
  const std::int64_t keys = first_ + queries_;
  const std::int64_t ld = keys + below(4);
  const std::int64_t ld_sums = padded_columns(keys);
  const std::int64_t rows = kv_heads_ * queries_;
  constexpr std::int64_t kLargest = std::int64_t{1} << 30;
  const auto high = integers<std::int32_t>(rows * ld_sums, -kLargest, kLargest);
  const auto cross = integers<std::int32_t>(rows * ld_sums, -kLargest, kLargest);
  const auto low = integers<std::int32_t>(rows * ld_sums, -kLargest, kLargest);
  const std::vector<std::int32_t> query_exponents = exponents(kv_heads_ * stride_);
  const std::vector<std::int32_t> key_exponents = exponents(kv_heads_ * stride_);
  std::vector<float> want(static_cast<std::size_t>(rows * ld), 7);
  std::vector<float> values = want;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t head = row / queries_;
    const std::int64_t query = row % queries_;
    const std::int64_t eq = wide(query_exponents[static_cast<std::size_t>(head * stride_ + query)]);
    for (std::int64_t key = 0; key <= first_ + query; ++key) {
      const auto at = static_cast<std::size_t>(row * ld_sums + key);
      const std::int64_t s = join_sums(high[at], cross[at], low[at]);
      const std::int64_t e =
          eq + wide(key_exponents[static_cast<std::size_t>(head * stride_ + key)]) - 26;
      want[static_cast<std::size_t>(row * ld + key)] = static_cast<float>(
          static_cast<double>(s) * power_of_two(static_cast<int>(std::max<std::int64_t>(e, -900))));
    }
  }
  run(JoinScoresBatch{{high.data(), cross.data(), low.data()},
                      ld_sums,
                      CausalRows{rows, keys, ld, queries_, first_ + 1},
                      query_exponents.data(),
                      stride_,
                      key_exponents.data(),
                      stride_,
                      values.data()});
  EXPECT_EQ(values, want);
}

TEST_P(AttentionPrograms, BoundsOfQueriesAreMaximaOfWhatTheySee) {
  const std::vector<std::int32_t> ed = exponents(kv_heads_ * stride_);
  const std::vector<std::int32_t> ek = exponents(kv_heads_ * stride_);
  const std::vector<std::int32_t> ev = exponents(kv_heads_ * stride_);
  const auto count = static_cast<std::size_t>(kv_heads_ * queries_);
  std::vector<std::int32_t> want_maxima(count);
  std::vector<std::int32_t> want_bounds(count);
  for (std::int64_t head = 0; head < kv_heads_; ++head) {
    for (std::int64_t i = 0; i < queries_; ++i) {
      const auto at = static_cast<std::size_t>(head * queries_ + i);
      const std::int64_t begin = head * stride_;
      const std::int64_t uv = visible(ev, begin, first_ + i);
      want_maxima[at] = narrow(uv);
      want_bounds[at] = narrow(wide(ed[static_cast<std::size_t>(begin + i)]) + uv +
                               visible(ek, begin, first_ + i) + 4);
    }
  }
  std::vector<std::int32_t> maxima(count);
  std::vector<std::int32_t> bounds(count);
  run(VisibleMaximaBatch{ev.data(), stride_, kv_heads_, queries_, first_, maxima.data()});
  run(QueryBoundsBatch{kv_heads_, queries_, first_, ed.data(), stride_, maxima.data(), queries_,
                       ek.data(), stride_, 4, bounds.data()});
  EXPECT_EQ(maxima, want_maxima);
  EXPECT_EQ(bounds, want_bounds);
}

TEST_P(AttentionPrograms, BoundsOfKeysAreMaximaOfWhatSeesThem) {
  const std::vector<std::int32_t> ed = exponents(kv_heads_ * group_ * stride_);
  const std::vector<std::int32_t> eq = exponents(kv_heads_ * group_ * stride_);
  const std::vector<std::int32_t> uv = exponents(kv_heads_ * positions_);
  const auto count = static_cast<std::size_t>(kv_heads_ * positions_);
  std::vector<std::int32_t> want_dv(count);
  std::vector<std::int32_t> want_dk(count);
  for (std::int64_t j = 0; j < kv_heads_ * positions_; ++j) {
    const std::int64_t kv_head = j / positions_;
    std::int64_t most_dv = kFar;
    std::int64_t most_dk = kFar;
    for (std::int64_t h = kv_head * group_; h < (kv_head + 1) * group_; ++h) {
      for (std::int64_t i = j % positions_; i < positions_; ++i) {
        const auto at = static_cast<std::size_t>(h * stride_ + i);
        const std::int64_t v = wide(uv[static_cast<std::size_t>(kv_head * positions_ + i)]);
        most_dv = std::max(most_dv, wide(ed[at]));
        most_dk = std::max(most_dk, wide(ed[at]) + v + wide(eq[at]) + 4);
      }
    }
    want_dv[static_cast<std::size_t>(j)] = narrow(most_dv);
    want_dk[static_cast<std::size_t>(j)] = narrow(most_dk);
  }
  std::vector<std::int32_t> dv(count);
  std::vector<std::int32_t> dk(count);
  run(KeyBoundsBatch{ed.data(), eq.data(), stride_, uv.data(), kv_heads_, group_, positions_, 4,
                     dv.data(), dk.data()});
  EXPECT_EQ(dv, want_dv);
  EXPECT_EQ(dk, want_dk);
}

// Rows of a group go to rows that lie apart; what lies between stays.
TEST_P(AttentionPrograms, BlocksAreAddedToRowsOfGroups) {
  AddBlocksBatch args;
  args.blocks = below(4) + 1;
  args.groups = RowGroups{queries_, queries_ + below(5)};
  args.rows = kv_heads_ * queries_;
  args.cols = below(40) + 1;
  args.ld_sums = padded_columns(args.cols);
  const std::int64_t count = args.blocks * args.rows * args.ld_sums;
  constexpr std::int64_t kLargest = 1 << 21;  // of 128 digits: sums below 2^53 with the second
  const auto sums = integers<std::int32_t>(6 * count, -kLargest, kLargest);
  const std::int32_t* data = sums.data();
  const bool second = below(2) == 0;
  args.first = {data, data + count, data + 2 * count};
  if (second) args.second = {data + 3 * count, data + 4 * count, data + 5 * count};
  const auto block_exponents = integers<std::int32_t>(args.blocks * args.rows, -9, 0);
  std::vector<std::int32_t> bounds = integers<std::int32_t>(kv_heads_ * args.groups.stride, 0, 9);
  // A bound that is too low for its sums, in the last row.
  const std::int64_t last = (kv_heads_ - 1) * args.groups.stride + queries_ - 1;
  const bool trap = below(3) == 0;
  if (trap) bounds[static_cast<std::size_t>(last)] = -70;
  const auto before =
      integers<std::int64_t>(static_cast<std::int64_t>(bounds.size()) * args.cols, -1000, 1000);
  std::vector<std::int64_t> want = before;
  std::vector<std::int64_t> got = before;
  std::int64_t want_trap = kNoIndex;
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const std::int64_t to = row / queries_ * args.groups.stride + row % queries_;
    for (std::int64_t n = 0; n < args.cols; ++n) {
      for (std::int64_t b = 0; b < args.blocks; ++b) {
        const std::int64_t at = (b * args.rows + row) * args.ld_sums + n;
        const int e = block_exponents[static_cast<std::size_t>(b * args.rows + row)] -
                      bounds[static_cast<std::size_t>(to)] + (second ? -2 : 12);
        std::int64_t s = args.first.at(at);
        if (second) s = (s << 14) + args.second.at(at);
        const std::int64_t addend = rne_scaled(static_cast<double>(s), e);
        if (addend >= std::int64_t{1} << 62 || addend <= -(std::int64_t{1} << 62)) {
          want_trap = std::min(want_trap, to * args.cols + n);
        } else {
          want[static_cast<std::size_t>(to * args.cols + n)] += addend;
        }
      }
    }
  }
  std::vector<std::int64_t> first_trap = {kNoIndex};
  args.exponents = block_exponents.data();
  args.bounds = bounds.data();
  args.integers = got.data();
  args.first_trap = first_trap.data();
  run(args);
  EXPECT_EQ(got, want);
  EXPECT_EQ(first_trap[0], want_trap);
  EXPECT_EQ(trap, want_trap != kNoIndex);
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionPrograms, testing::Range(0U, 20U));

}  // namespace
}  // namespace repro::train
