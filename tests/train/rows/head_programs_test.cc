// The programs of head_programs.h on an emulated grid, against the scalar row kernels head by head
// and plain loops.
#include "train/kernels/cuda/head_programs.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/train/rows/program_test.h"

namespace repro::train {
namespace {

// Rows of heads, with padding behind each row.
class HeadPrograms : public ProgramTest {
 protected:
  std::int64_t width() const { return heads_ * head_dim_; }
  QuantizeHeadsBatch quantize_args(const std::vector<float>& x) const {
    QuantizeHeadsBatch args;
    args.x = x.data();
    args.rows = rows_;
    args.heads = heads_;
    args.head_dim = head_dim_;
    args.ld = ld_;
    return args;
  }
  WantedSplit wanted_split(bool low_first) const {
    return {heads_ * rows_, padded_depth(head_dim_), low_first};
  }
  // Digits [rows, width], ld, as an operand a head.
  void put_heads(WantedSplit& split, const std::vector<std::int16_t>& q, std::int64_t ld) const {
    for (std::int64_t row = 0; row < rows_; ++row) {
      for (std::int64_t column = 0; column < width(); ++column) {
        split.put(column / head_dim_ * rows_ + row, column % head_dim_,
                  q[static_cast<std::size_t>(row * ld + column)]);
      }
    }
  }

  std::int64_t rows_ = below(12) + 1;
  std::int64_t heads_ = below(3) == 0 ? 1 : below(3) + 2;
  std::int64_t head_dim_ = below(70) + 1;
  std::int64_t ld_ = width() + below(5);
};

TEST_P(HeadPrograms, FilledMemoryIsExactlyWhatWasAskedFor) {
  const std::int64_t count = coin() ? below(50) : below(3 * kPiece);
  Guarded<std::int32_t> exponents(count);
  Guarded<std::int64_t> indices(count);
  run(FillExponents{exponents.data(), count, kEmptyExponent});
  run(FillIndices{indices.data(), count, kNoIndex});
  const auto size = static_cast<std::size_t>(count);
  EXPECT_EQ(exponents.values(), std::vector<std::int32_t>(size, kEmptyExponent));
  EXPECT_EQ(indices.values(), std::vector<std::int64_t>(size, kNoIndex));
  EXPECT_TRUE(exponents.intact() && indices.intact());
}

TEST_P(HeadPrograms, GatheredRowsAreThoseOfTheTable) {
  const std::int64_t entries = below(9) + 1;
  const std::vector<float> table = floats(entries * ld_);
  const auto index = integers<std::int32_t>(rows_, 0, entries - 1);
  Guarded<float> to(rows_ * ld_);
  run(GatherBatch{table.data(), index.data(), rows_, ld_, to.data()});
  std::vector<float> want;
  for (const std::int32_t entry : index) {
    const auto from = table.begin() + entry * ld_;
    want.insert(want.end(), from, from + ld_);
  }
  EXPECT_EQ(to.values(), want);
  EXPECT_TRUE(to.intact());
}

TEST_P(HeadPrograms, HeadsAreQuantisedEachByItself) {
  const std::vector<float> x = floats(rows_ * ld_);
  const std::vector<std::int32_t> fold = folds(head_dim_);
  const std::int32_t* folded = coin() ? fold.data() : nullptr;
  std::vector<std::int16_t> want(static_cast<std::size_t>(rows_ * width()));
  std::vector<std::int32_t> want_exponents(static_cast<std::size_t>(rows_ * heads_));
  for (std::int64_t head = 0; head < heads_; ++head) {
    const std::int64_t column = head * head_dim_;
    scalar_row_kernels().quantize_rows({x.data() + column, rows_, head_dim_, ld_, folded,
                                        want.data() + column, nullptr, width(),
                                        want_exponents.data() + head * rows_});
  }
  WantedSplit want_split = wanted_split(false);
  put_heads(want_split, want, width());
  Guarded<std::int16_t> digits(rows_ * width());
  Guarded<std::int32_t> exponents(rows_ * heads_);
  Guarded<std::int8_t> split(static_cast<std::int64_t>(want_split.values.size()));
  const bool splits = coin();
  if (!splits) want_split.values = split.values();
  std::vector<std::int64_t> first_non_finite = {kNoIndex};
  QuantizeHeadsBatch args = quantize_args(x);
  args.split = splits ? split.data() : nullptr;
  args.fold = folded;
  args.digits = digits.data();
  args.exponents = exponents.data();
  args.first_non_finite = coin() ? first_non_finite.data() : nullptr;
  run(args);
  EXPECT_EQ(digits.values(), want);
  EXPECT_EQ(exponents.values(), want_exponents);
  EXPECT_EQ(split.values(), want_split.values);
  EXPECT_EQ(first_non_finite[0], kNoIndex);
  EXPECT_TRUE(digits.intact() && exponents.intact() && split.intact());
}

TEST_P(HeadPrograms, TheFirstNonFiniteElementOfAllHeadsIsFound) {
  constexpr float kBad[] = {std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> x = floats(rows_ * ld_);
  std::int64_t want = kNoIndex;
  for (std::int64_t i = below(4) + 1; i > 0; --i) {
    const std::int64_t row = below(rows_);
    const std::int64_t column = below(ld_);
    x[static_cast<std::size_t>(row * ld_ + column)] = kBad[below(3)];
    // What lies behind a row is nobody's.
    if (column < width()) want = std::min(want, row * width() + column);
  }
  Guarded<std::int16_t> digits(rows_ * width());
  Guarded<std::int32_t> exponents(rows_ * heads_);
  std::vector<std::int64_t> first_non_finite = {kNoIndex};
  QuantizeHeadsBatch args = quantize_args(x);
  args.digits = digits.data();
  args.exponents = exponents.data();
  args.first_non_finite = first_non_finite.data();
  run(args);
  EXPECT_EQ(first_non_finite[0], want);
  EXPECT_TRUE(digits.intact() && exponents.intact());
}

TEST_P(HeadPrograms, HeadsAreSplitEachAsAnOperand) {
  const std::vector<std::int16_t> q = digits(rows_ * ld_);
  WantedSplit want = wanted_split(coin());
  put_heads(want, q, ld_);
  Guarded<std::int8_t> split(static_cast<std::int64_t>(want.values.size()));
  run(SplitHeadsBatch{q.data(), rows_, heads_, head_dim_, ld_, want.low_first, split.data()});
  EXPECT_EQ(split.values(), want.values);
  EXPECT_TRUE(split.intact());
}

INSTANTIATE_TEST_SUITE_P(Shapes, HeadPrograms, testing::Range(0U, 16U));

}  // namespace
}  // namespace repro::train
