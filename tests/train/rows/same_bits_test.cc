// Every table, and the functors on 32 lanes, give the bits of the scalar table.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/train/rows/lane_team.h"
#include "tests/train/rows/row_inputs.h"
#include "train/kernels/generic/layer_rows.h"
#include "train/kernels/generic/quantize_rows.h"
#include "train/kernels/generic/softmax_rows.h"
#include "train/kernels/generic/vector_ops.h"

namespace repro::train {
namespace {

// A table's entries, run on 32 lanes.
class LaneKernels {
 public:
  void quantize_rows(const QuantizeRowsArgs& args) const {
    rows(args.rows, [&](const auto& lane, std::int64_t row) { quantize_row(lane, args, row); });
  }
  void quantize_columns(const QuantizeColumnsArgs& args) const {
    team([&](const auto& lane) { train::quantize_columns(lane, args); });
  }
  void rms_norm(const RmsNormArgs& args) const {
    rows(args.rows, [&](const auto& lane, std::int64_t row) { rms_norm_row(lane, args, row); });
  }
  std::int64_t rms_norm_backward(const RmsNormBackwardArgs& args) const {
    rows(args.rows,
         [&](const auto& lane, std::int64_t row) { rms_norm_backward_row(lane, args, row); });
    return -1;
  }
  void rope(const RopeArgs& args) const {
    rows(args.rows, [&](const auto& lane, std::int64_t row) { rope_row(lane, args, row); });
  }
  void swiglu(const SwigluArgs& args) const {
    rows(args.rows, [&](const auto& lane, std::int64_t row) { swiglu_row(lane, args, row); });
  }
  void swiglu_backward(const SwigluBackwardArgs& args) const {
    rows(args.rows,
         [&](const auto& lane, std::int64_t row) { swiglu_backward_row(lane, args, row); });
  }
  SoftmaxRowResult softmax_row(float* s, std::int64_t count) const {
    SoftmaxRowResult result;
    team([&](const auto& lane) { set(lane, result, train::softmax_row(lane, s, count)); });
    return result;
  }
  float attention_d(const std::int16_t* digits, std::int32_t exponent, const float* o,
                    std::int64_t count) const {
    float d = 0;
    team(
        [&](const auto& lane) { set(lane, d, attention_d_row(lane, digits, exponent, o, count)); });
    return d;
  }
  void attention_backward_row(const AttentionBackwardRowArgs& args) const {
    team([&](const auto& lane) { train::attention_backward_row(lane, args); });
  }
  CrossEntropyRowResult cross_entropy_row(const CrossEntropyRowArgs& args) const {
    CrossEntropyRowResult result;
    team([&](const auto& lane) { set(lane, result, train::cross_entropy_row(lane, args)); });
    return result;
  }
  void finish_blocks(const std::int64_t* blocks, std::int64_t count, std::int32_t bound,
                     float divisor, float* values) const {
    team([&](const auto& lane) {
      train::finish_blocks(lane, blocks, count, bound, divisor, values);
    });
  }
  void add(const float* a, const float* b, std::int64_t count, float* sum) const {
    team([&](const auto& lane) { add_vectors(lane, a, b, count, sum); });
  }
  void add_scaled_digits(const std::int16_t* digits, std::int32_t exponent, float factor,
                         std::int64_t count, float* y) const {
    team([&](const auto& lane) {
      train::add_scaled_digits(lane, digits, exponent, factor, count, y);
    });
  }
  std::int64_t add_units(const float* x, float factor, std::int64_t count, int unit,
                         std::int64_t limit, std::int64_t* units) const {
    std::int64_t overflow = 0;
    team([&](const auto& lane) {
      set(lane, overflow, train::add_units(lane, x, factor, count, unit, limit, units));
    });
    return overflow;
  }
  void adamw(const AdamwArgs& args) const {
    team([&](const auto& lane) { train::adamw(lane, args); });
  }
  std::int64_t find_non_finite(const float* x, std::int64_t count) const {
    std::int64_t index = 0;
    team([&](const auto& lane) { set(lane, index, train::find_non_finite(lane, x, count)); });
    return index;
  }
  float sumsq(const float* x, std::int64_t count) const {
    float sum = 0;
    team([&](const auto& lane) { set(lane, sum, sum_of_squares31(lane, x, count)); });
    return sum;
  }

 private:
  template <class Work>
  static void team(const Work& work) {
    LaneTeam().run(work);
  }
  template <class Work>
  static void rows(std::int64_t count, const Work& work) {
    team([&](const auto& lane) {
      for (std::int64_t row = 0; row < count; ++row) work(lane, row);
    });
  }
  template <class T>
  static void set(const LaneTeam::Lane& lane, T& out, const T& value) {
    if (lane.first() == 0) out = value;
  }
};

// Collects results as bytes.
class Bytes {
 public:
  template <class T>
  void add(const std::vector<T>& values) {
    const auto* begin = reinterpret_cast<const char*>(values.data());
    bytes_.append(begin, values.size() * sizeof(T));
  }
  template <class T>
  void add(T value) {
    add(std::vector<T>{value});
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

struct Shape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t size() const { return rows * cols; }
};

std::vector<std::int32_t> fold_exponents(std::int64_t count) {
  std::mt19937 random(99);
  std::vector<std::int32_t> fold(static_cast<std::size_t>(count));
  for (std::int32_t& e : fold) e = static_cast<std::int32_t>(random() % 30) - 15;
  fold[fold.size() / 2] = kNoExponent;
  fold[0] = 140;
  return fold;
}

template <class Kernels>
std::string quantised(const Kernels& kernels, Values kind, Shape shape) {
  const std::vector<float> x = make_values(kind, shape.size(), 1);
  const std::vector<std::int32_t> fold = fold_exponents(std::max(shape.rows, shape.cols));
  Bytes out;
  for (bool folded : {false, true}) {
    std::vector<std::int16_t> digits(x.size()), low(x.size());
    std::vector<std::int32_t> exponents(static_cast<std::size_t>(shape.rows));
    QuantizeRowsArgs rows{
        x.data(),      shape.rows, shape.cols, shape.cols,      folded ? fold.data() : nullptr,
        digits.data(), nullptr,    shape.cols, exponents.data()};
    kernels.quantize_rows(rows);
    out.add(digits);
    rows.low = low.data();
    kernels.quantize_rows(rows);
    out.add(digits);
    out.add(low);
    out.add(exponents);
    std::vector<std::int32_t> column_exponents(static_cast<std::size_t>(shape.cols));
    kernels.quantize_columns({x.data(), shape.rows, shape.cols, shape.cols,
                              folded ? fold.data() : nullptr, digits.data(), shape.cols,
                              column_exponents.data()});
    out.add(digits);
    out.add(column_exponents);
  }
  return out.bytes();
}

template <class Kernels>
std::string normed(const Kernels& kernels, Values kind, Shape shape) {
  const std::vector<float> x = make_values(kind, shape.size(), 2);
  const std::vector<float> gain = make_values(Values::normal, shape.cols, 3);
  std::vector<float> y = make_values(Values::normal, shape.size(), 4);
  std::vector<float> r(static_cast<std::size_t>(shape.rows));
  Bytes out;
  RmsNormArgs norm{x.data(),   gain.data(), shape.rows, shape.cols, shape.cols,
                   shape.cols, 1e-6F,       y.data(),   y.data(),   r.data()};
  kernels.rms_norm(norm);
  out.add(y);
  out.add(r);
  norm.residual = nullptr;
  kernels.rms_norm(norm);
  out.add(y);
  std::vector<std::int64_t> units(static_cast<std::size_t>(shape.cols));
  std::vector<float> dy = make_values(kind, shape.size(), 5);
  for (std::int64_t limit : {std::int64_t{1} << 60, std::int64_t{1} << 30}) {
    kernels.rms_norm_backward({dy.data(), x.data(), gain.data(), r.data(), shape.rows, shape.cols,
                               shape.cols, shape.cols, shape.cols, dy.data(), units.data(), 32,
                               limit});
    out.add(units);
    out.add(dy);
  }
  out.add(kernels.sumsq(x.data(), shape.size()));
  return out.bytes();
}

template <class Kernels>
std::string layers(const Kernels& kernels, Values kind, Shape shape) {
  std::vector<float> gate_up = make_values(kind, 2 * shape.size(), 6);
  const std::vector<float> da = make_values(Values::normal, shape.size(), 7);
  std::vector<float> a(static_cast<std::size_t>(shape.size()));
  Bytes out;
  kernels.swiglu({gate_up.data(), shape.rows, shape.cols, a.data()});
  out.add(a);
  kernels.swiglu_backward({gate_up.data(), da.data(), shape.rows, shape.cols, gate_up.data()});
  out.add(gate_up);
  const std::vector<float> table = make_values(Values::normal, (shape.rows + 5) * shape.cols, 8);
  for (bool backward : {false, true}) {
    kernels.rope({gate_up.data(), shape.rows, 1, shape.cols / 2 * 2, 2 * shape.cols, table.data(),
                  table.data() + 1, 1, backward});
    out.add(gate_up);
  }
  return out.bytes();
}

template <class Kernels>
std::string attended(const Kernels& kernels, Values kind, Shape shape) {
  Bytes out;
  std::vector<float> s = make_values(kind, shape.size(), 9);
  std::vector<float> dp = make_values(kind, shape.size(), 10);
  std::vector<std::int16_t> digits(s.size());
  for (std::size_t i = 0; i < s.size(); ++i) {
    digits[i] = static_cast<std::int16_t>(static_cast<int>(i * 7919 % 32767) - 16383);
  }
  for (std::int32_t exponent : {0, -120, -149, 100, kNoExponent}) {
    out.add(kernels.attention_d(digits.data(), exponent, dp.data(), shape.size()));
    kernels.add_scaled_digits(digits.data(), exponent, 0.37F, shape.size(), dp.data());
    out.add(dp);
  }
  const SoftmaxRowResult result = kernels.softmax_row(s.data(), shape.size());
  out.add(result.max);
  out.add(result.sum);
  out.add(s);
  kernels.attention_backward_row({s.data(), dp.data(), shape.size(), result.sum, 0.1F, 0.125F});
  out.add(s);
  out.add(dp);
  kernels.add(s.data(), dp.data(), shape.size(), s.data());
  out.add(s);
  return out.bytes();
}

template <class Kernels>
std::string losses(const Kernels& kernels, Values kind, Shape shape) {
  Bytes out;
  for (float weight : {1.0F, 0.5F, 0.0F}) {
    std::vector<float> logits = make_values(kind, shape.size(), 11);
    CrossEntropyRowArgs args{logits.data(), shape.size(), shape.size() / 3, weight, 1e-4F, true};
    const CrossEntropyRowResult result = kernels.cross_entropy_row(args);
    out.add(result.loss_units);
    out.add(result.ce_units);
    out.add(result.correct ? 1 : 0);
    out.add(result.a);
    out.add(result.bound);
    out.add(result.log_sum_exp);
    out.add(logits);
  }
  return out.bytes();
}

template <class Kernels>
std::string optimised(const Kernels& kernels, Values kind, Shape shape) {
  Bytes out;
  std::vector<float> w = make_values(Values::normal, shape.size(), 12);
  std::vector<float> m = make_values(kind, shape.size(), 13);
  std::vector<float> v = make_values(Values::normal, shape.size(), 14);
  for (float& value : v) value = std::fabs(value);
  std::mt19937_64 random(15);
  std::vector<std::int64_t> gradient(w.size());
  for (std::int64_t& g : gradient) g = static_cast<std::int64_t>(random()) >> (random() % 64);
  kernels.adamw({w.data(), m.data(), v.data(), gradient.data(), shape.size(), 32, 2048, 0.7F, 0.9F,
                 0.1F, 0.95F, 0.05F, 0.19F, 0.0975F, 1e-8F, 1e-3F, 1e-4F});
  out.add(w);
  out.add(m);
  out.add(v);
  for (std::int32_t bound : {0, 20, -120, 150}) {
    kernels.finish_blocks(gradient.data(), shape.size(), bound, 1.7F, w.data());
    out.add(w);
  }
  std::vector<float> x = make_values(kind, shape.size(), 16);
  for (std::int64_t limit : {std::int64_t{1} << 60, std::int64_t{1} << 31}) {
    for (std::int64_t& g : gradient) g >>= 8;
    out.add(kernels.add_units(x.data(), 0.9F, shape.size(), 32, limit, gradient.data()));
    out.add(gradient);
  }
  out.add(kernels.find_non_finite(x.data(), shape.size()));
  x[x.size() / 2] = NAN;
  x.back() = -INFINITY;
  out.add(kernels.find_non_finite(x.data(), shape.size()));
  return out.bytes();
}

class SameBits : public testing::TestWithParam<Values> {
 protected:
  // The sizes leave every kind of remainder behind vectors and lanes.
  static constexpr Shape kShapes[] = {{1, 1}, {3, 7}, {2, 64}, {3, 259}, {1, 101}};

  template <class Run>
  void compare(const Run& run) {
    for (const Shape& shape : kShapes) {
      const std::string want = run(scalar_row_kernels(), shape);
      for (const RowKernels* table : all_row_kernels()) {
        EXPECT_TRUE(run(*table, shape) == want) << table->name << " " << shape.cols;
      }
      if (shape.cols < 100)
        continue;  // threads are slow; these sizes leave lanes with and without work
      EXPECT_TRUE(run(LaneKernels(), shape) == want) << "32 lanes, " << shape.cols;
    }
  }
};

TEST_P(SameBits, Quantisation) {
  compare([](const auto& kernels, Shape shape) { return quantised(kernels, GetParam(), shape); });
}
TEST_P(SameBits, Norms) {
  compare([](const auto& kernels, Shape shape) { return normed(kernels, GetParam(), shape); });
}
TEST_P(SameBits, RopeAndSwiglu) {
  compare([](const auto& kernels, Shape shape) { return layers(kernels, GetParam(), shape); });
}
TEST_P(SameBits, AttentionRows) {
  compare([](const auto& kernels, Shape shape) { return attended(kernels, GetParam(), shape); });
}
TEST_P(SameBits, CrossEntropy) {
  compare([](const auto& kernels, Shape shape) { return losses(kernels, GetParam(), shape); });
}
TEST_P(SameBits, OptimiserAndUnits) {
  compare([](const auto& kernels, Shape shape) { return optimised(kernels, GetParam(), shape); });
}
INSTANTIATE_TEST_SUITE_P(Values, SameBits, testing::ValuesIn(kAllValues));

TEST(SameBits, FunctionsInsideTheTablesAreTheScalarPrograms) {
  // swiglu(g, 1) is g * sigmoid(g); a softmax of two entries shows exp.
  std::vector<float> gate_up(2000, 1.0F), a(1000);
  for (int i = 0; i < 1000; ++i) gate_up[i] = static_cast<float>(i - 500) * 0.21F;
  for (const RowKernels* table : all_row_kernels()) {
    table->swiglu({gate_up.data(), 1, 1000, a.data()});
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(a[i], gate_up[i] * sigmoid32(gate_up[i]));
    std::vector<float> s(gate_up.begin(), gate_up.begin() + 1000);
    table->softmax_row(s.data(), 1000);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(s[i], exp32(gate_up[i] - gate_up[999]));
  }
}

}  // namespace
}  // namespace repro::train
