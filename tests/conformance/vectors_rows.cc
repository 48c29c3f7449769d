// Golden vectors of docs/arithmetic.md, "Row operations".
#include <algorithm>

#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/numerics/functions.h"

namespace repro::train {
namespace {

Json rmsnorm(const Context& context, const Json& in) {
  const auto x = get_floats(in, "x");
  const auto gain = get_floats(in, "gain");
  const Shape shape = shape_of(in, "x");
  std::vector<float> residual;
  if (in.contains("residual")) residual = get_floats(in, "residual");
  std::vector<float> y(x.size());
  std::vector<float> r(static_cast<std::size_t>(shape[0]));
  RmsNormArgs args;
  args.x = x.data();
  args.gain = gain.data();
  args.rows = shape[0];
  args.cols = args.ld_x = args.ld_y = shape[1];
  args.epsilon = static_cast<float>(get_double(in, "epsilon"));
  args.residual = residual.empty() ? nullptr : residual.data();
  args.y = y.data();
  args.r = r.data();
  context.rows().rms_norm(args);
  return {{"y", floats(y, shape)}, {"r", floats(r)}};
}

Json rmsnorm_backward(const Context& context, const Json& in) {
  const auto dy = get_floats(in, "dy");
  const auto x = get_floats(in, "x");
  const auto gain = get_floats(in, "gain");
  const auto r = get_floats(in, "r");
  const Shape shape = shape_of(in, "x");
  std::vector<float> dx(x.size());
  std::vector<std::int64_t> dgain(gain.size());
  RmsNormBackwardArgs args;
  args.dy = dy.data();
  args.x = x.data();
  args.gain = gain.data();
  args.r = r.data();
  args.rows = shape[0];
  args.cols = args.ld_x = args.ld_y = args.ld_dx = shape[1];
  args.dx = dx.data();
  args.gain_units = dgain.data();
  args.unit = get_one<std::int32_t>(in, "unit");
  args.limit = std::int64_t{1} << 61;
  if (context.rows().rms_norm_backward(args) >= 0) throw std::runtime_error("a gain's limit");
  return {{"dx", floats(dx, shape)}, {"dgain", integers(dgain)}};
}

template <bool backward>
Json rope(const Context& context, const Json& in) {
  auto x = get_floats(in, "x");
  const auto cosines = get_floats(in, "cosines");
  const auto sines = get_floats(in, "sines");
  const Shape shape = shape_of(in, "x");
  RopeArgs args;
  args.x = x.data();
  args.rows = shape[0];
  args.ld = shape[1];
  args.head_dim = get_one<std::int64_t>(in, "head_dim");
  args.heads = shape[1] / args.head_dim;
  args.cosines = cosines.data();
  args.sines = sines.data();
  args.backward = backward;
  context.rows().rope(args);
  return {{"y", floats(x, shape)}};
}

// The product keeps gate and up of a token side by side.
std::vector<float> interleave(const std::vector<float>& g, const std::vector<float>& u,
                              std::int64_t ffn) {
  std::vector<float> both;
  for (std::size_t begin = 0; begin < g.size(); begin += static_cast<std::size_t>(ffn)) {
    for (const std::vector<float>* half : {&g, &u}) {
      const auto first = half->begin() + static_cast<std::ptrdiff_t>(begin);
      both.insert(both.end(), first, first + ffn);
    }
  }
  return both;
}

Json swiglu(const Context& context, const Json& in) {
  const Shape shape = shape_of(in, "g");
  const auto gate_up = interleave(get_floats(in, "g"), get_floats(in, "u"), shape[1]);
  std::vector<float> a(gate_up.size() / 2);
  context.rows().swiglu({gate_up.data(), shape[0], shape[1], a.data()});
  return {{"a", floats(a, shape)}};
}

Json swiglu_backward(const Context& context, const Json& in) {
  const Shape shape = shape_of(in, "g");
  const auto gate_up = interleave(get_floats(in, "g"), get_floats(in, "u"), shape[1]);
  const auto da = get_floats(in, "da");
  std::vector<float> both(gate_up.size());
  context.rows().swiglu_backward({gate_up.data(), da.data(), shape[0], shape[1], both.data()});
  std::vector<float> dg;
  std::vector<float> du;
  for (std::size_t i = 0; i < both.size(); ++i) {
    const bool gate = static_cast<std::int64_t>(i) % (2 * shape[1]) < shape[1];
    (gate ? dg : du).push_back(both[i]);
  }
  return {{"dg", floats(dg, shape)}, {"du", floats(du, shape)}};
}

Json softmax(const Context& context, const Json& in) {
  auto p = get_floats(in, "s");
  const auto count = static_cast<std::int64_t>(p.size());
  const SoftmaxRowResult result = context.rows().softmax_row(p.data(), count);
  std::vector<float> probabilities = p;
  std::vector<float> unused(p.size());
  AttentionBackwardRowArgs args;
  args.p = probabilities.data();
  args.dp = unused.data();
  args.count = count;
  args.sum = result.sum;
  context.rows().attention_backward_row(args);
  return {{"m", float_scalar(result.max)},
          {"p", floats(p)},
          {"L", float_scalar(result.sum)},
          {"P", floats(probabilities)}};
}

Json loss(const Context& context, const Json& in) {
  auto logits = get_floats(in, "l");
  CrossEntropyRowArgs args;
  args.logits = logits.data();
  args.vocab = static_cast<std::int64_t>(logits.size());
  args.target = get_one<std::int64_t>(in, "target");
  args.weight = get_float(in, "w");
  args.z_loss = static_cast<float>(get_double(in, "c"));
  const CrossEntropyRowResult result = context.rows().cross_entropy_row(args);
  return {{"ce_units", scalar(result.ce_units)},
          {"loss_units", scalar(result.loss_units)},
          {"correct", scalar(result.correct ? 1 : 0)},
          {"z", float_scalar(result.log_sum_exp)},
          {"a", float_scalar(result.a)},
          {"abs_f", float_scalar(result.bound)},
          {"B", floats(logits)}};
}

// --- inputs --------------------------------------------------------------------------------------

void add_norm_cases(std::vector<Case>& cases, Inputs& inputs, Kind kind) {
  const std::string name(name_of(kind));
  const std::int64_t rows = 3;
  const std::int64_t cols = 21;
  const Shape shape = {rows, cols};
  const float scale = kind == Kind::huge ? 0x1p-60F : 1;  // squares must not overflow
  const Json x = floats(inputs.matrix(kind, rows, cols, scale), shape);
  const Json gain = floats(inputs.floats(Kind::spread, cols, 0x1p-10F));
  const Json epsilon = double_scalar(kind == Kind::normal ? 1e-5 : 1e-6);
  Json in = {{"x", x}, {"gain", gain}, {"epsilon", epsilon}};
  cases.push_back({"rmsnorm", name, in});
  in["residual"] = floats(inputs.matrix(Kind::spread, rows, cols), shape);
  cases.push_back({"rmsnorm", name + ", residual", in});
  const float dy_scale = kind == Kind::huge ? 0x1p-120F : 0x1p-12F;
  const Context scalar_context = {choose_path("scalar"), nullptr};
  in = {{"x", x},
        {"gain", gain},
        {"r", rmsnorm(scalar_context, in).at("r")},
        {"dy", floats(inputs.matrix(kind, rows, cols, dy_scale), shape)},
        {"unit", scalar(32)}};
  cases.push_back({"rmsnorm_backward", name, in});
  in["unit"] = scalar(20);
  cases.push_back({"rmsnorm_backward", name + ", unit 20", in});
}

void add_rope_cases(std::vector<Case>& cases, Inputs& inputs, Kind kind) {
  const std::int64_t rows = 4, heads = 2, head_dim = 10;
  std::vector<float> cosines, sines;
  for (std::int64_t i = 0; i < rows * head_dim / 2; ++i) {
    const float t = inputs.gauss();  // a point of the circle by its half angle's tangent
    cosines.push_back((1 - t * t) / (1 + t * t));
    sines.push_back(2 * t / (1 + t * t));
  }
  const Json in = {
      {"x", floats(inputs.matrix(kind, rows, heads * head_dim), {rows, heads * head_dim})},
      {"head_dim", scalar(head_dim)},
      {"cosines", floats(cosines, {rows, head_dim / 2})},
      {"sines", floats(sines, {rows, head_dim / 2})}};
  cases.push_back({"rope", std::string(name_of(kind)), in});
  cases.push_back({"rope_backward", std::string(name_of(kind)), in});
}

void add_swiglu_cases(std::vector<Case>& cases, const std::string& name,
                      const std::vector<float>& g, const std::vector<float>& u,
                      const std::vector<float>& da) {
  const auto count = static_cast<std::int64_t>(g.size());
  const Shape shape = {count % 2 == 0 ? 2 : 1, count % 2 == 0 ? count / 2 : count};
  Json in = {{"g", floats(g, shape)}, {"u", floats(u, shape)}};
  cases.push_back({"swiglu", name, in});
  in["da"] = floats(da, shape);
  cases.push_back({"swiglu_backward", name, in});
}

std::vector<Case> layer_cases(Inputs& inputs) {
  std::vector<Case> cases;
  for (const Kind kind : kAllKinds) {
    add_norm_cases(cases, inputs, kind);
    add_rope_cases(cases, inputs, kind);
    if (kind == Kind::huge) continue;
    add_swiglu_cases(cases, std::string(name_of(kind)), inputs.floats(kind, 38),
                     inputs.floats(kind, 38), inputs.floats(kind, 38));
  }
  add_swiglu_cases(cases, "saturated gates",
                   {0.0F, -0.0F, 90, -90, 104, -104, -120, 1e20F, -1e20F, -87, -88, 17, -17},
                   std::vector<float>(13, 1.5F), std::vector<float>(13, -0x1p-10F));
  return cases;
}

void add_softmax_cases(std::vector<Case>& cases, Inputs& inputs) {
  const auto add = [&](const std::string& name, const std::vector<float>& s) {
    cases.push_back({"softmax", name, {{"s", floats(s)}}});
  };
  for (const Kind kind : kAllKinds) {
    if (kind != Kind::huge) add(std::string(name_of(kind)), inputs.floats(kind, 33));
  }
  add("one entry", {-3.5F});
  add("equal maxima", std::vector<float>(29, -1e30F));
  add("signs of zero", {-0.0F, 0.0F, -0.0F});
  add("all below zero but -0", {-1, -0.0F, -2});
  add("underflow", {0, -87, -88, -100, -103.9F, -104, -1e30F, -0x1.fffffep+127F});
  add("ties of the sum", {0, -26.33959F, -27.03274F, -27.72589F, -28.41903F, -27.8F});
  add("long", inputs.floats(Kind::normal, 700, 4));
}

Json loss_in(const std::vector<float>& logits, std::int64_t target, float weight, double z_loss) {
  return {{"l", floats(logits)},
          {"target", scalar(target)},
          {"w", float_scalar(weight)},
          {"c", double_scalar(z_loss)}};
}

void add_loss_cases(std::vector<Case>& cases, Inputs& inputs) {
  const auto add = [&](const std::string& name, const std::vector<float>& logits,
                       std::int64_t target, float weight, double z_loss) {
    cases.push_back({"loss", name, loss_in(logits, target, weight, z_loss)});
  };
  for (const Kind kind : kAllKinds) {
    if (kind == Kind::huge) continue;
    add(std::string(name_of(kind)), inputs.floats(kind, 41), 17, 1, 1e-5);
  }
  const std::vector<float> row = inputs.floats(Kind::normal, 30, 5);
  const auto most = std::max_element(row.begin(), row.end()) - row.begin();
  const auto least = std::min_element(row.begin(), row.end()) - row.begin();
  add("the guess is right", row, most, 1, 1e-4);
  add("the least likely", row, least, 1, 1e-4);
  add("without z-loss", row, 3, 1, 0);
  add("weight 0", row, 3, 0, 1e-4);
  add("weight -0", row, 3, -0.0F, 1e-4);
  add("weight 0.3", row, 3, 0.3F, 1e-4);
  add("weight -2", row, 3, -2, 1e-4);
  add("equal maxima, the target first", {1, 5, 5, -1}, 1, 1, 1e-5);
  add("equal maxima, the target second", {1, 5, 5, -1}, 2, 1, 1e-5);
  add("zeros of both signs, +0 second", {-0.0F, 0.0F, -1}, 1, 1, 1e-5);
  add("zeros of both signs, -0 first", {-0.0F, 0.0F, -1}, 0, 1, 1e-5);
  add("one entry", {3}, 0, 1, 1e-5);
  add("certain", {100, 0, -5}, 0, 1, 1e-5);
  add("hopeless", {100, 0, -5}, 2, 1, 1e-5);
  add("f is zero", {-0.5F}, 0, 1, 1);
  add("f is negative", {-40, -40}, 0, 1, 1);
  add("large logits", {1e9F, 1e9F, -1e9F}, 2, 1, 1e-12);
  add("long", inputs.floats(Kind::normal, 1100, 4), 1030, 1, 1e-5);
}

std::vector<Case> row_cases() {
  Inputs inputs("rows");
  std::vector<Case> cases = layer_cases(inputs);
  add_softmax_cases(cases, inputs);
  add_loss_cases(cases, inputs);
  return cases;
}

}  // namespace

Group row_group() {
  return {"rows",
          {{"rmsnorm", rmsnorm},
           {"rmsnorm_backward", rmsnorm_backward},
           {"rope", rope<false>},
           {"rope_backward", rope<true>},
           {"swiglu", swiglu},
           {"swiglu_backward", swiglu_backward},
           {"softmax", softmax},
           {"loss", loss}},
          row_cases};
}

}  // namespace repro::train
