// Golden vectors of docs/arithmetic.md, "Quantisation" and "Products".
#include <algorithm>

#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/nn/linear.h"
#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

// --- quantisation --------------------------------------------------------------------------------

const std::int32_t* fold_of(const Json& in, std::vector<std::int32_t>& values) {
  if (!in.contains("fold")) return nullptr;
  values = get_exponents(in, "fold");
  return values.data();
}

template <bool second>
Json quantised_rows(const Context& context, const Json& in) {
  const auto x = get_floats(in, "x");
  const Shape shape = shape_of(in, "x");
  std::vector<std::int32_t> fold;
  std::vector<std::int16_t> digits(x.size());
  std::vector<std::int16_t> low(x.size());
  std::vector<std::int32_t> found(static_cast<std::size_t>(shape[0]));
  QuantizeRowsArgs args;
  args.x = x.data();
  args.rows = shape[0];
  args.cols = args.ld = args.ld_digits = shape[1];
  args.fold = fold_of(in, fold);
  args.digits = digits.data();
  args.low = second ? low.data() : nullptr;
  args.exponents = found.data();
  context.rows().quantize_rows(args);
  Json out = {{"digits", integers(digits, shape)}, {"exponents", exponents(found)}};
  if (second) out["low"] = integers(low, shape);
  return out;
}

Json quantised_columns(const Context& context, const Json& in) {
  const auto x = get_floats(in, "x");
  const Shape shape = shape_of(in, "x");
  std::vector<std::int32_t> fold;
  std::vector<std::int16_t> digits(x.size());
  std::vector<std::int32_t> found(static_cast<std::size_t>(shape[1]));
  QuantizeColumnsArgs args;
  args.x = x.data();
  args.rows = shape[0];
  args.cols = args.ld = args.ld_digits = shape[1];
  args.fold = fold_of(in, fold);
  args.digits = digits.data();
  args.exponents = found.data();
  context.rows().quantize_columns(args);
  return {{"digits", integers(digits, shape)}, {"exponents", exponents(found)}};
}

Json hats(const Context&, const Json& in) {
  const SplitScale scale = split_scale(get_exponents(in, "exponent").at(0) - 13);
  std::vector<float> y;
  for (const std::int16_t digit : get<std::int16_t>(in, "digits")) {
    y.push_back(scaled_to_digit(digit, scale));
  }
  return {{"y", floats(y)}};
}

Json q31(const Context&, const Json& in) {
  const auto x = get_floats(in, "x");
  std::uint32_t most = 0;
  for (const float value : x) most = std::max(most, abs_bits(value));
  const Sum31Scale scale(most);
  std::vector<std::int64_t> digits;
  for (const float value : x) digits.push_back(digit31(value, scale.scale));
  return {{"digits", integers(digits)},
          {"exponent", exponents({most == 0 ? kEmptyExponent : scale.exponent}, {})}};
}

Json sum(const Context&, const Json& in) {
  return {{"y", float_scalar(sum31(get_floats(in, "x")))}};
}
Json sum_of_squares(const Context& context, const Json& in) {
  const auto x = get_floats(in, "x");
  return {{"y", float_scalar(context.rows().sumsq(x.data(), static_cast<std::int64_t>(x.size())))}};
}
Json mean(const Context&, const Json& in) {
  const auto x = get_floats(in, "x");
  return {{"y", float_scalar(sum31(x) / static_cast<float>(x.size()))}};
}

std::vector<std::int32_t> fold_values(Inputs& inputs, std::int64_t count) {
  std::vector<std::int32_t> fold;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t kind = inputs.below(8);
    const auto spread = static_cast<std::int32_t>(inputs.below(kind == 1 ? 160 : 12));
    fold.push_back(kind == 0 ? kEmptyExponent : spread - (kind == 1 ? 150 : 6));
  }
  return fold;
}

void add_quantisation_cases(std::vector<Case>& cases, Inputs& inputs, Kind kind) {
  const std::string name(name_of(kind));
  const std::int64_t rows = 3;
  const std::int64_t cols = 19;
  const Json x = floats(inputs.matrix(kind, rows, cols), {rows, cols});
  const Json row_fold = exponents(fold_values(inputs, cols));
  for (const char* operation : {"q15", "q29"}) {
    cases.push_back({operation, name, {{"x", x}}});
    cases.push_back({operation, name + ", folded", {{"x", x}, {"fold", row_fold}}});
  }
  cases.push_back({"q15_columns", name, {{"x", x}}});
  cases.push_back({"q15_columns",
                   name + ", folded",
                   {{"x", x}, {"fold", exponents(fold_values(inputs, rows))}}});
}

void add_written_quantisation_cases(std::vector<Case>& cases) {
  // A digit that rounds up to 2^14 raises the exponent; ties to even at both digits.
  const Json edges = floats({0x1.fffcp+0F, 0x1.fffbfep+0F, -0x1.fff8p+0F, 0x1.0004p-1F,
                             0x1.000cp-1F, -0x1.0004p-1F, 0x1.00014p-2F, 0x1p-14F, 0x1.8p-14F,
                             0x1p-15F, 0x1p-28F, 0x1.8p-28F, 0x1p-29F, -0x1p-149F, 0.0F, -0.0F},
                            {1, 16});
  const Json empties = floats({0, -0.0F, 0, 1, 0, -0.0F}, {3, 2});
  const Json dropped = floats({1, 2, 3, 4}, {2, 2});
  for (const char* operation : {"q15", "q29"}) {
    cases.push_back({operation, "ties and edges", {{"x", edges}}});
    cases.push_back({operation, "empty rows", {{"x", empties}}});
    cases.push_back({operation,
                     "all elements dropped",
                     {{"x", dropped}, {"fold", exponents({kEmptyExponent, kEmptyExponent})}}});
    cases.push_back(
        {operation, "folds far apart", {{"x", dropped}, {"fold", exponents({-140, 120})}}});
  }
  cases.push_back({"q15_columns", "empty columns", {{"x", empties}}});
  cases.push_back({"q15_columns",
                   "all elements dropped",
                   {{"x", dropped}, {"fold", exponents({kEmptyExponent, kEmptyExponent})}}});
}

void add_sum_cases(std::vector<Case>& cases, Inputs& inputs) {
  const auto add = [&](const std::string& name, const std::vector<float>& x) {
    for (const char* operation : {"q31", "sum31", "sumsq", "mean"}) {
      cases.push_back({operation, name, {{"x", floats(x)}}});
    }
  };
  for (const Kind kind : kAllKinds) add(std::string(name_of(kind)), inputs.floats(kind, 37));
  add("zeros only", {0.0F, -0.0F, 0.0F});
  add("cancellation to zero", {1.0F, -1.0F, 0x1p-30F, 0x1p-30F, -0x1p-31F});
  add("ties of digits", {1.0F, 0x1p-30F, 0x1.8p-29F, -0x1p-30F, 0x1.4p-28F});
  add("largest", {0x1.fffffep+127F, 0x1.fffffep+127F});
  add("least", {0x1p-149F, -0x1p-149F, 0x1p-149F});
  for (const char* operation : {"sum31", "sumsq"}) {
    cases.push_back({operation, "no elements", {{"x", floats({})}}});
    cases.push_back({operation, "not finite", {{"x", floats({1, from_bits(kInfinityBits), 2})}}});
  }
}

std::vector<Case> quantisation_cases() {
  std::vector<Case> cases;
  Inputs inputs("quantisation");
  for (const Kind kind : kAllKinds) add_quantisation_cases(cases, inputs, kind);
  add_written_quantisation_cases(cases);
  const std::vector<std::int16_t> digits = {0, 1, -1, 8192, 16383, -16383, 12345, -4097, 3};
  for (const std::int32_t exponent : {0, 1, -60, 127, 128, -126, -130, -136, -140, -149}) {
    cases.push_back({"hat",
                     "exponent " + std::to_string(exponent),
                     {{"digits", integers(digits)}, {"exponent", scalar(exponent)}}});
  }
  add_sum_cases(cases, inputs);
  return cases;
}

// --- products ------------------------------------------------------------------------------------

Json dot15(const Context& context, const Json& in) {
  const auto a = get<std::int16_t>(in, "a");
  const auto b = get<std::int16_t>(in, "b");
  const auto a_exponents = get_exponents(in, "a_exponents");
  const auto b_exponents = get_exponents(in, "b_exponents");
  const std::int64_t m = shape_of(in, "a")[0];
  const std::int64_t k = shape_of(in, "a")[1];
  const std::int64_t n = shape_of(in, "b")[0];
  std::vector<float> y(static_cast<std::size_t>(m * n));
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = a_exponents.data();
  output.b_exponent = b_exponents.data();
  output.values = y.data();
  output.ld = n;
  context.gemm().run(m, n, k, {a.data(), k, 1}, {b.data(), k, 1}, output, *context.parallel);
  return {{"y", floats(y, {m, n})}};
}

// As attention and the head use it: blocks of x quantised with the other operand's exponents folded
// in, T_b summed under one U.
Json dotb(const Context& context, const Json& in) {
  const auto x = get_floats(in, "x");
  const auto other = get<std::int16_t>(in, "other");
  const auto fold = get_exponents(in, "fold");
  const auto bounds = get_exponents(in, "bounds");
  const auto block = get_one<std::int64_t>(in, "block");
  const bool second = get_one<std::int32_t>(in, "second") != 0;
  const std::int64_t m = shape_of(in, "x")[0];
  const std::int64_t k = shape_of(in, "x")[1];
  const std::int64_t n = shape_of(in, "other")[1];
  std::vector<std::int64_t> sums(static_cast<std::size_t>(m * n));
  std::vector<std::int32_t> shifts;
  for (const std::int32_t bound : bounds) {
    shifts.push_back(bound == kEmptyExponent ? 0 : 12 - bound);
  }
  std::vector<std::int16_t> high(static_cast<std::size_t>(m * block)), low(high.size());
  std::vector<std::int32_t> found(static_cast<std::size_t>(m));
  for (std::int64_t first = 0; first < k; first += block) {
    const std::int64_t width = std::min(block, k - first);
    QuantizeRowsArgs args{x.data() + first,
                          m,
                          width,
                          k,
                          fold.data() + first,
                          high.data(),
                          second ? low.data() : nullptr,
                          width,
                          found.data()};
    context.rows().quantize_rows(args);
    GemmOutput output;
    output.kind = GemmOutput::Kind::add_blocks;
    output.a_exponent = found.data();
    output.a_low = args.low;
    output.integers = sums.data();
    output.ld = n;
    output.shift = shifts.data();
    context.gemm().run(m, n, width, {high.data(), width, 1}, {other.data() + first * n, 1, n},
                       output, *context.parallel);
  }
  std::vector<float> y(sums.size());
  for (std::int64_t i = 0; i < m; ++i) {
    const std::int32_t bound = bounds[static_cast<std::size_t>(i)];
    context.rows().finish_blocks(sums.data() + i * n, n, bound == kEmptyExponent ? 0 : bound, 1.0F,
                                 y.data() + i * n);
  }
  return {{"sums", integers(sums, {m, n})}, {"y", floats(y, {m, n})}};
}

Quantized quantised(const Context& context, const Json& in, const char* name) {
  const auto x = get_floats(in, name);
  const Shape shape = shape_of(in, name);
  Quantized out;
  quantize(context, name, x.data(), shape[0], shape[1], shape[1], out);
  return out;
}

Json linear_forward(const Context& context, const Json& in) {
  const Quantized x = quantised(context, in, "x");
  const Quantized w = quantised(context, in, "w");
  std::vector<float> y(static_cast<std::size_t>(x.rows * w.rows));
  linear(context, x, w, y.data(), w.rows);
  return {{"y", floats(y, {x.rows, w.rows})}};
}

Json linear_dx(const Context& context, const Json& in) {
  const auto dy = get_floats(in, "dy");
  const Quantized w = quantised(context, in, "w");
  const std::int64_t rows = shape_of(in, "dy")[0];
  std::vector<float> dx(static_cast<std::size_t>(rows * w.cols));
  LinearScratch scratch;
  linear_input_gradient(context, "w", dy.data(), rows, w, dx.data(), scratch);
  return {{"dx", floats(dx, {rows, w.cols})}};
}

Json linear_dw(const Context& context, const Json& in) {
  const auto dy = get_floats(in, "dy");
  const Quantized x = quantised(context, in, "x");
  const std::int64_t outputs = shape_of(in, "dy")[1];
  std::vector<std::int64_t> dw(static_cast<std::size_t>(outputs * x.cols));
  std::vector<RowRange> groups;
  const auto ends = get<std::int64_t>(in, "groups");
  for (std::size_t i = 0; i + 1 < ends.size(); i += 2) groups.push_back({ends[i], ends[i + 1]});
  GradientSink sink;
  sink.units = dw.data();
  sink.unit = get_one<std::int32_t>(in, "unit");
  sink.limit = std::int64_t{1} << 61;
  LinearScratch scratch;
  linear_weight_gradient(context, dy.data(), x, outputs, groups, sink, scratch);
  return {{"dw", integers(dw, {outputs, x.cols})}};
}

std::vector<std::int16_t> digits_of(Inputs& inputs, std::int64_t count, std::int64_t most) {
  std::vector<std::int16_t> digits;
  for (std::int64_t i = 0; i < count; ++i) {
    digits.push_back(static_cast<std::int16_t>(inputs.below(2 * most + 1) - most));
  }
  return digits;
}

void add_dot15_case(std::vector<Case>& cases, const std::string& name, std::vector<std::int16_t> a,
                    std::vector<std::int32_t> a_exponents, std::vector<std::int16_t> b,
                    std::vector<std::int32_t> b_exponents) {
  const auto m = static_cast<std::int64_t>(a_exponents.size());
  const auto n = static_cast<std::int64_t>(b_exponents.size());
  const auto k = static_cast<std::int64_t>(a.size()) / m;
  cases.push_back({"dot15",
                   name,
                   {{"a", integers(a, {m, k})},
                    {"a_exponents", exponents(a_exponents)},
                    {"b", integers(b, {n, k})},
                    {"b_exponents", exponents(b_exponents)}}});
}

void add_dot15_cases(std::vector<Case>& cases, Inputs& inputs) {
  for (const std::int64_t k : {1, 2, 17, 64, 131, 1025}) {
    const std::int64_t rows = k > 1000 ? 2 : 3;
    std::vector<std::int32_t> a_exponents, b_exponents;
    for (std::int64_t i = 0; i < rows; ++i) {
      a_exponents.push_back(static_cast<std::int32_t>(inputs.below(20)) - 10);
      b_exponents.push_back(static_cast<std::int32_t>(inputs.below(20)) - 10);
    }
    add_dot15_case(cases, "random, depth " + std::to_string(k), digits_of(inputs, rows * k, 16383),
                   a_exponents, digits_of(inputs, rows * k, 16383), b_exponents);
  }
  add_dot15_case(cases, "no depth", {}, {1, kEmptyExponent}, {}, {0, 3});
  // Sums at the limits of every narrower accumulator, and their cancellation.
  std::vector<std::int16_t> most(2 * 600, 16383), least(2 * 600, -16383);
  for (std::size_t i = 600; i < 1200; i += 2) least[i] = 16383;
  add_dot15_case(cases, "largest digits", most, {0, 40}, least, {0, -7});
  const std::vector<std::int16_t> some = {3, -5, 16383, 1, 1, 0, 0, 0, 0};
  add_dot15_case(cases, "subnormal, underflow to -0, overflow", some, {-126, 127, kEmptyExponent},
                 {1, 1, 0, -1, 0, 0, 0, 0, 16383}, {-3, -10, 120});
  add_dot15_case(cases, "least exponents", some, {-149, -149, kEmptyExponent},
                 {1, 1, 0, -1, 0, 0, 0, 0, 16383}, {25, 26, -149});
  // S = 2^24 + 1 and 2^25 + 2 +- 1: ties of the rounding.
  add_dot15_case(cases, "ties", {4096, 1, 4096, 2, 8192, 3}, {0, 0, 0},
                 {4096, 1, 4096, -1, 8192, 3}, {0, 0, 0});
}

void add_dotb_case(std::vector<Case>& cases, Inputs& inputs, Kind kind, bool second,
                   std::int64_t block, std::int64_t k) {
  const std::int64_t m = 3;
  const std::int64_t n = 2;
  const auto x = inputs.matrix(kind, m, k);
  std::vector<std::int32_t> fold = fold_values(inputs, k);
  std::vector<std::int32_t> bounds;
  for (std::int64_t i = 0; i < m; ++i) {
    std::int32_t bound = kEmptyExponent;
    for (std::int64_t j = 0; j < k; ++j) {
      const float value = x[static_cast<std::size_t>(i * k + j)];
      const std::int32_t e = fold[static_cast<std::size_t>(j)];
      if (value != 0 && e != kEmptyExponent) bound = std::max(bound, exponent15(value) + e);
    }
    bounds.push_back(bound == kEmptyExponent ? bound : bound + static_cast<std::int32_t>(i));
  }
  const std::string name = std::string(name_of(kind)) + (second ? ", q29" : ", q15") + ", depth " +
                           std::to_string(k) + " in blocks of " + std::to_string(block);
  cases.push_back({"dotb",
                   name,
                   {{"x", floats(x, {m, k})},
                    {"other", integers(digits_of(inputs, k * n, 16383), {k, n})},
                    {"fold", exponents(fold)},
                    {"block", scalar(block)},
                    {"second", scalar(second ? 1 : 0)},
                    {"bounds", exponents(bounds)}}});
}

void add_dotb_cases(std::vector<Case>& cases, Inputs& inputs) {
  for (const Kind kind : kAllKinds) {
    add_dotb_case(cases, inputs, kind, false, 16, 37);
    add_dotb_case(cases, inputs, kind, true, 16, 37);
  }
  add_dotb_case(cases, inputs, Kind::spread, true, 128, 300);
  cases.push_back({"dotb",
                   "empty blocks and an empty row",
                   {{"x", floats({0, 0, 1, 2, 0, -0.0F, 0, 0}, {2, 4})},
                    {"other", integers(std::vector<std::int16_t>{5, 6, 7, 8}, {4, 1})},
                    {"fold", exponents({0, 1, kEmptyExponent, 3})},
                    {"block", scalar(std::int64_t{2})},
                    {"second", scalar(0)},
                    {"bounds", exponents({4, kEmptyExponent})}}});
}

void add_linear_cases(std::vector<Case>& cases, Inputs& inputs, const std::string& name,
                      Kind x_kind, Kind w_kind, float dy_scale) {
  const std::int64_t tokens = 7, in_width = 11, out_width = 5;
  std::vector<float> x_values = inputs.matrix(x_kind, tokens, in_width);
  std::fill_n(x_values.begin() + 2 * in_width, in_width, 0.0F);  // an empty token
  std::vector<float> w_values = inputs.matrix(w_kind, out_width, in_width, 0.02F);
  std::fill_n(w_values.begin() + in_width, in_width, -0.0F);  // an empty output
  std::vector<float> dy_values = inputs.matrix(x_kind, tokens, out_width, dy_scale);
  std::fill_n(dy_values.begin() + 4 * out_width, out_width, 0.0F);
  const Json x = floats(x_values, {tokens, in_width});
  const Json w = floats(w_values, {out_width, in_width});
  const Json dy = floats(dy_values, {tokens, out_width});
  cases.push_back({"linear", name, {{"x", x}, {"w", w}}});
  cases.push_back({"linear_dx", name, {{"dy", dy}, {"w", w}}});
  for (const std::int32_t unit : {32, 20}) {
    const Json groups = unit == 32 ? integers(std::vector<std::int64_t>{0, 3, 3, 7}, {2, 2})
                                   : integers(std::vector<std::int64_t>{0, 7}, {1, 2});
    cases.push_back({"linear_dw",
                     name + ", unit " + std::to_string(unit),
                     {{"dy", dy}, {"x", x}, {"groups", groups}, {"unit", scalar(unit)}}});
  }
}

std::vector<Case> product_cases() {
  std::vector<Case> cases;
  Inputs inputs("products");
  add_dot15_cases(cases, inputs);
  add_dotb_cases(cases, inputs);
  for (const Kind kind : kAllKinds) {
    if (kind == Kind::huge) continue;  // its products overflow
    add_linear_cases(cases, inputs, std::string(name_of(kind)), kind, Kind::normal, 0x1p-20F);
  }
  add_linear_cases(cases, inputs, "spread weights", Kind::normal, Kind::spread, 0x1p-20F);
  add_linear_cases(cases, inputs, "weights with an outlier", Kind::outlier, Kind::outlier, 1);
  return cases;
}

}  // namespace

Group quantisation_group() {
  return {"quantisation",
          {{"q15", quantised_rows<false>},
           {"q29", quantised_rows<true>},
           {"q15_columns", quantised_columns},
           {"hat", hats},
           {"q31", q31},
           {"sum31", sum},
           {"sumsq", sum_of_squares},
           {"mean", mean}},
          quantisation_cases};
}

Group product_group() {
  return {"products",
          {{"dot15", dot15},
           {"dotb", dotb},
           {"linear", linear_forward},
           {"linear_dx", linear_dx},
           {"linear_dw", linear_dw}},
          product_cases};
}

}  // namespace repro::train
