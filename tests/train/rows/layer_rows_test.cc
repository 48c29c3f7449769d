// RMSNorm, RoPE and SwiGLU: the written expressions, and gradients against finite differences in
// binary64.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "tests/train/rows/row_inputs.h"
#include "train/numerics/functions.h"

namespace repro::train {
namespace {

using Doubles = std::vector<double>;

Doubles as_doubles(const std::vector<float>& x) { return {x.begin(), x.end()}; }

// d loss / d x_i by central differences.
double slope(const std::function<double(const Doubles&)>& loss, Doubles x, std::size_t i) {
  const double h = 1e-5;
  x[i] += h;
  const double up = loss(x);
  x[i] -= 2 * h;
  return (up - loss(x)) / (2 * h);
}

// sum31 of the text: floor exponents by logarithm, the sum in a wide integer.
float definition_of_sum31(const std::vector<float>& x) {
  float most = 0;
  for (float value : x) most = std::max(most, std::fabs(value));
  if (most == 0) return 0;
  const int e = std::ilogb(most);
  __int128 sum = 0;
  for (float value : x) {
    sum +=
        static_cast<std::int64_t>(std::nearbyint(std::ldexp(static_cast<double>(value), 29 - e)));
  }
  return static_cast<float>(std::ldexp(static_cast<long double>(sum), e - 29));
}

TEST(RmsNorm, IsItsWrittenExpression) {
  constexpr std::int64_t kCols = 133;
  for (Values kind : kAllValues) {
    const std::vector<float> x = make_values(kind, kCols, 31);
    const std::vector<float> gain = make_values(Values::normal, kCols, 32);
    const std::vector<float> residual = make_values(Values::normal, kCols, 33);
    std::vector<float> y(kCols);
    float r = 0;
    scalar_row_kernels().rms_norm(
        {x.data(), gain.data(), 1, kCols, kCols, kCols, 1e-5F, residual.data(), y.data(), &r});
    std::vector<float> squares;
    for (float value : x) squares.push_back(value * value);
    if (kind == Values::huge) {
      EXPECT_TRUE(std::isnan(r)) << "squares beyond binary32 must not pass silently";
      continue;
    }
    ASSERT_EQ(r, 1.0F / std::sqrt(definition_of_sum31(squares) / 133.0F + 1e-5F));
    for (std::int64_t i = 0; i < kCols; ++i) {
      const float normed = x[i] * r;
      const float scaled = normed * gain[i];
      ASSERT_EQ(y[i], residual[i] + scaled);
    }
  }
}

struct NormCase {
  static constexpr std::int64_t kCols = 40;
  std::vector<float> x = make_values(Values::normal, kCols, 41);
  std::vector<float> gain = make_values(Values::normal, kCols, 42);
  std::vector<float> dy = make_values(Values::normal, kCols, 43);

  double loss(const Doubles& at, const Doubles& g) const {
    double square = 0;
    for (double value : at) square += value * value;
    const double r = 1 / std::sqrt(square / kCols + 1e-6);
    double sum = 0;
    for (std::size_t i = 0; i < at.size(); ++i) sum += dy[i] * at[i] * r * g[i];
    return sum;
  }
};

TEST(RmsNormBackward, IsTheGradient) {
  const NormCase data;
  std::vector<float> y(NormCase::kCols), dx(NormCase::kCols);
  std::vector<std::int64_t> units(NormCase::kCols);
  float r = 0;
  const RowKernels& kernels = scalar_row_kernels();
  constexpr std::int64_t kCols = NormCase::kCols;
  kernels.rms_norm(
      {data.x.data(), data.gain.data(), 1, kCols, kCols, kCols, 1e-6F, nullptr, y.data(), &r});
  const std::int64_t overflow = kernels.rms_norm_backward(
      {data.dy.data(), data.x.data(), data.gain.data(), &r, 1, kCols, kCols, kCols, kCols,
       dx.data(), units.data(), 32, std::int64_t{1} << 50});
  EXPECT_EQ(overflow, -1);
  const Doubles x = as_doubles(data.x);
  const Doubles gain = as_doubles(data.gain);
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(dx[i], slope([&](const Doubles& at) { return data.loss(at, gain); }, x, i), 1e-5);
    EXPECT_NEAR(std::ldexp(static_cast<double>(units[i]), -32),
                slope([&](const Doubles& g) { return data.loss(x, g); }, gain, i), 1e-5);
  }
}

TEST(RmsNormBackward, NamesTheFirstColumnThatReachesTheLimit) {
  const std::vector<float> x = {1, 1, 1, 1};
  const std::vector<float> gain = {1, 1, 1, 1};
  const float r = 1;
  for (const RowKernels* table : all_row_kernels()) {
    std::vector<float> dy = {1, -8, 8, 1};
    std::vector<float> dx(4);
    std::vector<std::int64_t> units(4);
    const auto run = [&](std::int64_t limit) {
      return table->rms_norm_backward(
          {dy.data(), x.data(), gain.data(), &r, 1, 4, 4, 4, 4, dx.data(), units.data(), 3, limit});
    };
    EXPECT_EQ(run(65), -1);
    EXPECT_EQ(units, (std::vector<std::int64_t>{8, -64, 64, 8}));
    EXPECT_EQ(run(64), 1);
    EXPECT_EQ(run(8), 0);
    dy[0] = 1e30F;  // beyond int64
    EXPECT_EQ(run(INT64_MAX), 0);
  }
}

TEST(Rope, BackwardUndoesForward) {
  constexpr std::int64_t kHalf = 16;
  std::vector<float> cosines, sines;
  for (int i = 0; i < 10 * kHalf; ++i) {
    cosines.push_back(std::cos(0.37F * static_cast<float>(i)));
    sines.push_back(std::sin(0.37F * static_cast<float>(i)));
  }
  const std::vector<float> x = make_values(Values::normal, 3 * 2 * 2 * kHalf, 51);
  std::vector<float> rotated = x;
  RopeArgs args{rotated.data(), 3, 2, 2 * kHalf, 4 * kHalf, cosines.data(), sines.data(), 4, false};
  scalar_row_kernels().rope(args);
  // Row 1 is position 5; head 1; pair 3.
  const std::size_t at = 4 * kHalf + 2 * kHalf + 3;
  const float c = cosines[5 * kHalf + 3];
  const float s = sines[5 * kHalf + 3];
  const float ac = x[at] * c, bs = x[at + kHalf] * s, as = x[at] * s, bc = x[at + kHalf] * c;
  EXPECT_EQ(rotated[at], ac - bs);
  EXPECT_EQ(rotated[at + kHalf], as + bc);
  args.backward = true;
  scalar_row_kernels().rope(args);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(rotated[i], x[i], 1e-6);
}

TEST(Swiglu, ForwardIsItsExpressionAndBackwardTheGradient) {
  constexpr std::int64_t kFfn = 50;
  const std::vector<float> gate_up = make_values(Values::normal, 2 * kFfn, 61);
  const std::vector<float> da = make_values(Values::normal, kFfn, 62);
  std::vector<float> a(kFfn), d(2 * kFfn);
  scalar_row_kernels().swiglu({gate_up.data(), 1, kFfn, a.data()});
  scalar_row_kernels().swiglu_backward({gate_up.data(), da.data(), 1, kFfn, d.data()});
  const auto loss = [&](const Doubles& at) {
    double sum = 0;
    for (int i = 0; i < kFfn; ++i) sum += da[i] * at[i] / (1 + std::exp(-at[i])) * at[kFfn + i];
    return sum;
  };
  for (std::size_t i = 0; i < d.size(); ++i) {
    EXPECT_NEAR(d[i], slope(loss, as_doubles(gate_up), i), 1e-6);
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float silu = gate_up[i] * sigmoid32(gate_up[i]);
    EXPECT_EQ(a[i], silu * gate_up[kFfn + i]);
  }
}

}  // namespace
}  // namespace repro::train
