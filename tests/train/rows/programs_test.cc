// The programs of the CUDA kernels, on an emulated grid of random shape, leave the bytes that the
// scalar table leaves, padding behind the rows included.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "tests/train/rows/row_inputs.h"
#include "tests/train/rows/run_grid.h"

namespace repro::train {
namespace {

const RowKernels& scalar() { return scalar_row_kernels(); }

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// A random shape, a random grid and what fills the matrices. ld leaves padding behind each row.
class Case {
 public:
  explicit Case(std::uint32_t seed)
      : random(seed),
        kind(kAllValues[seed % std::size(kAllValues)]),
        rows(below(30) + 1),
        cols(below(3) == 0 ? below(40) + 1 : below(300) + 1),
        ld(cols + below(5)),
        blocks(static_cast<std::uint32_t>(below(5) + 1)) {}

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(bound));
  }
  std::int64_t size() const { return rows * ld; }
  std::vector<float> floats(std::int64_t count) { return make_values(kind, count, next()); }
  std::vector<float> normal(std::int64_t count) {
    return make_values(Values::normal, count, next());
  }
  std::vector<std::int32_t> integers(std::int64_t count, std::int32_t low, std::int32_t high) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(count));
    for (std::int32_t& v : values) v = low + static_cast<std::int32_t>(below(high - low + 1));
    return values;
  }
  std::vector<std::int16_t> digits(std::int64_t count) {
    std::vector<std::int16_t> values(static_cast<std::size_t>(count));
    for (auto& v : values) v = static_cast<std::int16_t>(below(32767) - 16383);
    return values;
  }
  std::vector<std::int64_t> wide(std::int64_t count) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (auto& v : values) {
      v = static_cast<std::int64_t>(std::uint64_t{random()} << 32 | random()) >> below(60);
    }
    return values;
  }
  void run(const Program& args) { run_grid(args, blocks, next()); }
  std::uint32_t next() { return static_cast<std::uint32_t>(random()); }

  std::mt19937 random;
  Values kind;
  std::int64_t rows;
  std::int64_t cols;
  std::int64_t ld;
  std::uint32_t blocks;
};

class Programs : public testing::TestWithParam<int> {
 protected:
  Case c{static_cast<std::uint32_t>(GetParam())};
};

TEST_P(Programs, RmsNorm) {
  const std::vector<float> x = c.floats(c.size());
  const std::vector<float> gain = c.normal(c.cols);
  std::vector<float> y[2] = {c.normal(c.size()), {}};
  std::vector<float> r[2] = {c.normal(c.rows), {}};
  y[1] = y[0];
  r[1] = r[0];
  const bool residual = c.below(2) == 0;
  const auto args = [&](int i) {
    return RmsNormArgs{x.data(),    gain.data(), c.rows, c.cols,
                       c.ld,        c.ld,        1e-6F,  residual ? y[i].data() : nullptr,
                       y[i].data(), r[i].data()};
  };
  scalar().rms_norm(args(0));
  c.run(args(1));
  EXPECT_TRUE(same(y[0], y[1]) && same(r[0], r[1]));
}

TEST_P(Programs, RmsNormBackward) {
  const std::vector<float> x = c.floats(c.size());
  const std::vector<float> gain = c.normal(c.cols);
  const std::vector<float> r = c.normal(c.rows);
  std::vector<float> dy[2] = {c.floats(c.size()), {}};  // becomes dx
  std::vector<std::int64_t> units[2] = {c.wide(c.cols), {}};
  for (auto& u : units[0]) u >>= 3;
  dy[1] = dy[0];
  units[1] = units[0];
  const std::int64_t limit = std::int64_t{1} << (30 + c.below(30));
  const auto args = [&](int i) {
    return RmsNormBackwardArgs{dy[i].data(),    x.data(), gain.data(), r.data(), c.rows,
                               c.cols,          c.ld,     c.ld,        c.ld,     dy[i].data(),
                               units[i].data(), 32,       limit};
  };
  const std::int64_t column = scalar().rms_norm_backward(args(0));
  std::vector<std::int64_t> first = {kNoIndex};
  c.run(RmsNormBackwardBatch{args(1), first.data()});
  EXPECT_TRUE(same(dy[0], dy[1]) && same(units[0], units[1]));
  EXPECT_EQ(column, first[0] == kNoIndex ? -1 : first[0] % c.cols);
}

TEST_P(Programs, Rope) {
  const std::int64_t heads = c.below(4) + 1;
  const std::int64_t head_dim = 2 * (c.below(70) + 1);
  const std::int64_t ld = heads * head_dim + c.below(5);
  const std::int64_t position = c.below(9);
  const std::vector<float> table = c.normal((c.rows + position) * head_dim);
  std::vector<float> x[2] = {c.floats(c.rows * ld), {}};
  x[1] = x[0];
  const bool backward = c.below(2) == 0;
  const auto args = [&](int i) {
    return RopeArgs{x[i].data(),  c.rows,           heads,    head_dim, ld,
                    table.data(), table.data() + 1, position, backward};
  };
  scalar().rope(args(0));
  c.run(args(1));
  EXPECT_TRUE(same(x[0], x[1]));
}

TEST_P(Programs, SwigluAndItsBackward) {
  std::vector<float> gate_up[2] = {c.floats(2 * c.rows * c.cols), {}};
  gate_up[1] = gate_up[0];
  const std::vector<float> da = c.normal(c.rows * c.cols);
  std::vector<float> a[2] = {c.normal(c.rows * c.cols), {}};
  a[1] = a[0];
  const auto forward = [&](int i) {
    return SwigluArgs{gate_up[i].data(), c.rows, c.cols, a[i].data()};
  };
  const auto backward = [&](int i) {
    return SwigluBackwardArgs{gate_up[i].data(), da.data(), c.rows, c.cols, gate_up[i].data()};
  };
  scalar().swiglu(forward(0));
  scalar().swiglu_backward(backward(0));
  c.run(forward(1));
  c.run(backward(1));
  EXPECT_TRUE(same(a[0], a[1]) && same(gate_up[0], gate_up[1]));
}

TEST_P(Programs, CausalSoftmaxAndItsBackward) {
  const CausalRows shape{c.rows, c.cols, c.ld, c.below(12) + 1, c.below(c.cols) + 1};
  const std::int64_t head_dim = c.below(100) + 1;
  const std::int64_t heads = (c.rows - 1) / shape.queries + 1;
  const std::int64_t width = heads * head_dim + c.below(3);
  const float scale = 0.125F;
  std::vector<float> s[2] = {c.floats(c.size()), {}};
  std::vector<float> dp[2] = {c.floats(c.size()), {}};
  const std::vector<float> o = c.normal(shape.queries * width);
  const std::vector<std::int16_t> digits = c.digits(shape.queries * width);
  const std::int64_t exponent_stride = shape.queries + c.below(3);
  std::vector<std::int32_t> exponents = c.integers(heads * exponent_stride, -9, 9);
  exponents[0] = kNoExponent;
  s[1] = s[0];
  dp[1] = dp[0];
  std::vector<SoftmaxRowResult> results[2] = {
      std::vector<SoftmaxRowResult>(static_cast<std::size_t>(c.rows)), {}};
  results[1] = results[0];
  for (std::int64_t row = 0; row < c.rows; ++row) {
    float* at = s[0].data() + row * c.ld;
    float* dp_at = dp[0].data() + row * c.ld;
    const std::int64_t visible = std::min(c.cols, shape.first_visible + row % shape.queries);
    for (std::int64_t j = 0; j < visible; ++j) at[j] *= scale;
    SoftmaxRowResult& result = results[0][static_cast<std::size_t>(row)];
    result = scalar().softmax_row(at, visible);
    std::fill(at + visible, at + c.cols, 0.0F);
    const std::int64_t head = row / shape.queries;
    const std::int64_t query = row % shape.queries;
    const std::int64_t place = head * head_dim + query * width;
    const float d = scalar().attention_d(
        digits.data() + place, exponents[static_cast<std::size_t>(head * exponent_stride + query)],
        o.data() + place, head_dim);
    scalar().attention_backward_row({at, dp_at, visible, result.sum, d, scale});
    std::fill(dp_at + visible, dp_at + c.cols, 0.0F);
  }
  c.run(SoftmaxBatch{shape, s[1].data(), scale, results[1].data()});
  c.run(AttentionBackwardBatch{shape, s[1].data(), dp[1].data(), results[1].data(), scale, head_dim,
                               digits.data(), o.data(), width, head_dim, exponents.data(),
                               exponent_stride});
  EXPECT_TRUE(same(s[0], s[1]) && same(dp[0], dp[1]) && same(results[0], results[1]));
}

TEST_P(Programs, CrossEntropy) {
  std::vector<float> logits[2] = {c.floats(c.size()), {}};
  logits[1] = logits[0];
  const std::vector<std::int32_t> targets =
      c.integers(c.rows, -1, static_cast<std::int32_t>(c.cols) - 1);
  const bool backward = c.below(3) != 0;
  std::vector<CrossEntropyRowResult> results(static_cast<std::size_t>(c.rows));
  c.run(CrossEntropyBatch{logits[1].data(), c.rows, c.cols, c.ld, targets.data(), 1e-4F, backward,
                          results.data()});
  for (std::int64_t row = 0; row < c.rows; ++row) {
    float* at = logits[0].data() + row * c.ld;
    const std::int32_t target = targets[static_cast<std::size_t>(row)];
    CrossEntropyRowResult want;
    if (target >= 0) {
      want = scalar().cross_entropy_row({at, c.cols, target, 1.0F, 1e-4F, backward});
    } else if (backward) {
      std::fill(at, at + c.cols, 0.0F);
    }
    const CrossEntropyRowResult& got = results[static_cast<std::size_t>(row)];
    EXPECT_EQ(got.loss_units, want.loss_units);
    EXPECT_EQ(got.ce_units, want.ce_units);
    EXPECT_EQ(got.correct, want.correct);
    EXPECT_EQ(to_bits(got.a), to_bits(want.a));
    EXPECT_EQ(to_bits(got.bound), to_bits(want.bound));
    EXPECT_EQ(to_bits(got.log_sum_exp), to_bits(want.log_sum_exp));
  }
  EXPECT_TRUE(same(logits[0], logits[1]));
}

TEST_P(Programs, FinishBlocks) {
  const std::vector<std::int64_t> blocks = c.wide(c.rows * c.cols);
  std::vector<std::int32_t> bounds = c.integers(c.rows, -130, 150);
  bounds[0] = kNoExponent;
  std::vector<SoftmaxRowResult> softmax(static_cast<std::size_t>(c.rows));
  for (auto& row : softmax) row.sum = 1.0F + static_cast<float>(c.below(1000)) / 7;
  const bool divided = c.below(2) == 0;
  RowGroups groups;  // side by side, as heads lie, or none
  if (c.below(2) == 0) groups = {c.below(c.rows) + 1, c.cols};
  const std::int64_t ld = c.ld + c.rows * groups.stride;
  std::vector<float> values[2] = {c.normal(c.rows * ld), {}};
  values[1] = values[0];
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const std::int64_t place = row / groups.rows * groups.stride + row % groups.rows * ld;
    scalar().finish_blocks(blocks.data() + row * c.cols, c.cols,
                           bounds[at] == kNoExponent ? 0 : bounds[at],
                           divided ? softmax[at].sum : 1.0F, values[0].data() + place);
  }
  c.run(FinishBlocksBatch{blocks.data(), c.rows, c.cols, bounds.data(),
                          divided ? softmax.data() : nullptr, values[1].data(), ld, groups});
  EXPECT_TRUE(same(values[0], values[1]));
}

TEST_P(Programs, AddScaledDigits) {
  const std::int64_t sources = c.rows + 3;
  const std::vector<std::int16_t> digits = c.digits(sources * c.ld);
  std::vector<std::int32_t> exponents = c.integers(sources, -9, 9);
  exponents[1] = kNoExponent;
  const std::vector<std::int32_t> index =
      c.integers(c.rows, -1, static_cast<std::int32_t>(sources) - 1);
  const std::vector<float> factors = c.normal(c.rows);
  std::vector<float> y[2] = {c.floats(c.size()), {}};
  y[1] = y[0];
  const bool gathered = c.below(2) == 0;
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const std::int64_t source = gathered ? index[static_cast<std::size_t>(row)] : row;
    if (source < 0) continue;
    scalar().add_scaled_digits(
        digits.data() + source * c.ld, exponents[static_cast<std::size_t>(source)],
        gathered ? factors[static_cast<std::size_t>(row)] : 1.0F, c.cols, y[0].data() + row * c.ld);
  }
  c.run(AddScaledBatch{digits.data(), exponents.data(), c.ld, gathered ? index.data() : nullptr,
                       gathered ? factors.data() : nullptr, c.rows, c.cols, y[1].data(), c.ld});
  EXPECT_TRUE(same(y[0], y[1]));
}

TEST_P(Programs, AddUnitsOfRowsThatShareTotals) {
  const std::vector<float> x = c.floats(c.size());
  const std::vector<std::int32_t> index = c.integers(c.rows, -1, 2);
  const std::vector<float> factors = c.normal(c.rows);
  std::vector<std::int64_t> units[2] = {c.wide(3 * c.cols), {}};
  for (auto& u : units[0]) u >>= 3;
  units[1] = units[0];
  const std::int64_t limit = std::int64_t{1} << (30 + c.below(30));
  std::int64_t want = kNoIndex;
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const std::int32_t target = index[static_cast<std::size_t>(row)];
    if (target < 0) continue;
    const std::int64_t column =
        scalar().add_units(x.data() + row * c.ld, factors[static_cast<std::size_t>(row)], c.cols,
                           32, limit, units[0].data() + target * c.cols);
    if (column >= 0) want = std::min(want, row * c.cols + column);
  }
  std::vector<std::int64_t> first = {kNoIndex};
  c.run(AddUnitsBatch{x.data(), c.rows, c.cols, c.ld, index.data(), factors.data(), 32, limit,
                      units[1].data(), first.data()});
  EXPECT_TRUE(same(units[0], units[1]));
  EXPECT_EQ(first[0], want);
}

TEST_P(Programs, Peaks) {
  const std::vector<float> x = c.floats(c.size());
  std::vector<float> max_abs(static_cast<std::size_t>(c.rows));
  std::vector<float> sumsq(max_abs);
  c.run(PeaksBatch{x.data(), c.rows, c.cols, c.ld, max_abs.data(), sumsq.data()});
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const float* at = x.data() + row * c.ld;
    EXPECT_EQ(to_bits(max_abs[static_cast<std::size_t>(row)]),
              to_bits(scalar().max_abs(at, c.cols)));
    EXPECT_EQ(to_bits(sumsq[static_cast<std::size_t>(row)]), to_bits(scalar().sumsq(at, c.cols)));
  }
}

TEST_P(Programs, AdamwAndAddition) {
  const std::int64_t count = c.below(4 * kPiece) + 1;
  std::vector<float> w[2] = {c.floats(count), {}};
  std::vector<float> m[2] = {c.floats(count), {}};
  std::vector<float> v[2] = {c.normal(count), {}};
  for (float& value : v[0]) value = std::fabs(value);
  w[1] = w[0];
  m[1] = m[0];
  v[1] = v[0];
  const std::vector<std::int64_t> gradient = c.wide(count);
  const auto args = [&](int i) {
    return AdamwArgs{w[i].data(), m[i].data(), v[i].data(), gradient.data(), count, 32,    2048,
                     0.7F,        0.9F,        0.1F,        0.95F,           0.05F, 0.19F, 0.0975F,
                     1e-8F,       1e-3F,       1e-4F};
  };
  scalar().adamw(args(0));
  scalar().add(w[0].data(), m[0].data(), count, w[0].data());
  c.run(args(1));
  c.run(AddBatch{w[1].data(), m[1].data(), count, w[1].data()});
  EXPECT_TRUE(same(w[0], w[1]) && same(m[0], m[1]) && same(v[0], v[1]));
}

TEST_P(Programs, SumOfSquares) {
  const std::int64_t count = c.below(40 * kPiece) + 1;
  std::vector<std::int64_t> values = c.wide(count);
  std::fill_n(values.begin(), c.below(count), INT64_MIN);  // carries into the highest limb
  Sum192 want;
  scalar().sum_squares(values.data(), count, &want);
  SumSquaresBatch args{values.data(), count, nullptr};
  std::vector<Sum192> parts(static_cast<std::size_t>(unit_count(args)));
  args.parts = parts.data();
  std::vector<Sum192> total = {Sum192{{7, 7, 7}}};
  c.run(args);
  c.run(SumPartsBatch{parts.data(), static_cast<std::int64_t>(parts.size()), total.data()});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(total[0].limb[i], want.limb[i]) << i;
}

TEST_P(Programs, FindNonFinite) {
  const std::int64_t count = c.below(5 * kPiece) + 1;
  std::vector<float> x = c.floats(count);
  for (int i = 0; i < GetParam() % 3; ++i) {
    x[static_cast<std::size_t>(c.below(count))] = i == 0 ? NAN : -INFINITY;
  }
  const std::int64_t want = scalar().find_non_finite(x.data(), count);
  std::vector<std::int64_t> first = {kNoIndex};
  c.run(FindNonFiniteBatch{x.data(), count, first.data()});
  EXPECT_EQ(first[0], want < 0 ? kNoIndex : want);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Programs, testing::Range(0, 16));

}  // namespace
}  // namespace repro::train
