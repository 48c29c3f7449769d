// Golden vectors of docs/arithmetic.md, "Rounding", "Functions" and "Binary64 programs".
#include <cmath>
#include <limits>

#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/models/olmo2_layers.h"
#include "train/numerics/functions.h"
#include "train/numerics/functions64.h"
#include "train/numerics/quantize.h"
#include "train/numerics/wide_int.h"

namespace repro::train {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// --- rounding ------------------------------------------------------------------------------------

Json rne32(const Context&, const Json& in) {
  const auto v = get<std::int64_t>(in, "v");
  const auto e = get<std::int32_t>(in, "e");
  std::vector<float> y;
  for (std::size_t i = 0; i < v.size(); ++i) y.push_back(rne32_scaled(v[i], e.at(i)));
  return {{"y", floats(y)}};
}

Json rn64(const Context&, const Json& in) {
  const auto limbs = get<std::uint64_t>(in, "limbs");
  std::vector<double> y;
  for (std::size_t i = 0; i + 2 < limbs.size(); i += 3) y.push_back(sum192_to_double(&limbs[i]));
  return {{"y", doubles(y)}};
}

template <std::int32_t exponent(float)>
Json exponents_of(const Context&, const Json& in) {
  std::vector<std::int32_t> e;
  for (const float x : get_floats(in, "x")) e.push_back(exponent(x));
  return {{"e", integers(e)}};
}

void add_rne32_cases(std::vector<Case>& cases) {
  Inputs inputs("rne32");
  const auto add = [&](const char* name, const std::vector<std::int64_t>& v,
                       const std::vector<std::int32_t>& e) {
    cases.push_back({"rne32", name, {{"v", integers(v)}, {"e", integers(e)}}});
  };
  std::vector<std::int64_t> v;
  std::vector<std::int32_t> e;
  for (int i = 0; i < 200; ++i) {
    v.push_back(static_cast<std::int64_t>(inputs.word64()) >> inputs.below(63));
    e.push_back(static_cast<std::int32_t>(inputs.below(120)) - 90);
  }
  add("random", v, e);
  v.clear();
  e.clear();
  // On, below and above a tie, at every width, where a detour over binary64 rounds twice.
  for (int width = 25; width <= 62; ++width) {
    for (const std::int64_t delta : {-1, 0, 1}) {
      for (const std::int64_t odd : {0, 1}) {
        const std::int64_t ulp = std::int64_t{1} << (width - 23);
        v.push_back((std::int64_t{1} << width) + odd * ulp + ulp / 2 + delta);
        v.push_back(-v.back());
        e.insert(e.end(), {-width, -width - 126});
      }
    }
  }
  add("ties", v, e);
  add("extremes",
      {INT64_MAX, INT64_MIN,     INT64_MIN + 1, 0,         0, 1, -1, 1, -1, 3, -3, 1, -1, 1, -1, 1,
       INT64_MAX, (1 << 24) - 1, (1 << 25) - 1, -(1 << 24)},
      {0,    0,     0,     0,   500, -149, -149, -150, -150, -150,
       -150, -1075, -1075, 128, 128, 127,  65,   104,  103,  104});
}

void add_rn64_cases(std::vector<Case>& cases) {
  Inputs inputs("rn64");
  std::vector<std::uint64_t> limbs;
  const auto add = [&](const char* name) {
    const auto rows = static_cast<std::int64_t>(limbs.size() / 3);
    cases.push_back({"rn64", name, {{"limbs", integers(limbs, {rows, 3})}}});
    limbs.clear();
  };
  for (int i = 0; i < 60; ++i) {
    const std::int64_t used = 1 + inputs.below(3);
    for (std::int64_t limb = 0; limb < 3; ++limb) {
      limbs.push_back(limb < used ? inputs.word64() >> inputs.below(64) : 0);
    }
  }
  add("random");
  const std::uint64_t top = std::uint64_t{1} << 63;
  const std::uint64_t half = std::uint64_t{1} << 10;  // half a unit of 53 bits below 2^64
  const std::uint64_t all = ~std::uint64_t{0};
  const std::uint64_t ties[][3] = {{0, 0, 0},
                                   {1, 0, 0},
                                   {top | half, 0, 0},
                                   {(top | half) + 1, 0, 0},
                                   {(top | half) - 1, 0, 0},
                                   {top | (3 * half), 0, 0},
                                   {0, top | half, 0},
                                   {1, top | half, 0},
                                   {0, 0, top | half},
                                   {1, 0, top | half},
                                   {0, 1, top | half},
                                   {all, all, all},
                                   {all, 0, 0},
                                   {0, 1, 0},
                                   {0, 0, 1}};
  for (const auto& value : ties) limbs.insert(limbs.end(), value, value + 3);
  add("ties");
}

std::vector<float> finite_floats(Inputs& inputs, int count) {
  std::vector<float> x;
  while (static_cast<int>(x.size()) < count) {
    const float value = from_bits(inputs.word());
    if (std::isfinite(value) && value != 0) x.push_back(value);
  }
  return x;
}

std::vector<Case> rounding_cases() {
  std::vector<Case> cases;
  add_rne32_cases(cases);
  add_rn64_cases(cases);
  Inputs inputs("exponents");
  std::vector<float> x = finite_floats(inputs, 100);
  for (const float value :
       {1.0F, 0x1.fffffep+0F, 0x1.fffcp+0F, 0x1.fffbfep+0F, 0x1.fffap+0F, 0x1p-126F,
        0x1.fffffcp-127F, 0x1p-127F, 0x1p-149F, 0x1.8p-148F, 0x1.fff8p-130F, 0x1.fffffep+127F}) {
    x.insert(x.end(), {value, -value});
  }
  cases.push_back({"floor2", "random and extreme", {{"x", floats(x)}}});
  cases.push_back({"ex", "random and extreme", {{"x", floats(x)}}});
  return cases;
}

// --- functions -----------------------------------------------------------------------------------

template <float function(float)>
Json map32(const Context&, const Json& in) {
  std::vector<float> y;
  for (const float x : get_floats(in, "x")) y.push_back(function(x));
  return {{"y", floats(y)}};
}

Json normals(const Context&, const Json& in) {
  std::vector<float> y;
  for (const std::uint32_t word : get<std::uint32_t>(in, "word")) y.push_back(normal32(word));
  return {{"y", floats(y)}};
}

template <double function(double)>
Json map64(const Context&, const Json& in) {
  std::vector<double> y;
  for (const double x : get_doubles(in, "x")) y.push_back(function(x));
  for (double& value : y) {
    if (value != value) value = kNan64;  // one NaN in the files
  }
  return {{"y", doubles(y)}};
}

Json powers(const Context&, const Json& in) {
  const auto base = get_doubles(in, "base");
  const auto n = get<std::uint64_t>(in, "n");
  std::vector<double> y;
  for (std::size_t i = 0; i < base.size(); ++i) y.push_back(power_int(base[i], n.at(i)));
  return {{"y", doubles(y)}};
}

Json frequencies(const Context&, const Json& in) {
  const auto head_dim = get_one<std::int64_t>(in, "head_dim");
  std::vector<double> y;
  for (std::int64_t i = 0; i < head_dim / 2; ++i) {
    y.push_back(rope_frequency(get_double(in, "theta"), i, head_dim));
  }
  return {{"frequency", doubles(y)}};
}

Json rope_table(const Context&, const Json& in) {
  manifests::ModelConfig model;
  model.rope_theta = get_double(in, "theta");
  model.num_heads = 1;
  model.hidden_size = get_one<std::int64_t>(in, "head_dim");
  const auto positions = get<std::int64_t>(in, "positions");
  const RopeTable table(model, positions.back() + 1);
  const std::int64_t half = model.hidden_size / 2;
  std::vector<float> cosines;
  std::vector<float> sines;
  for (const std::int64_t position : positions) {
    for (std::int64_t i = 0; i < half; ++i) {
      cosines.push_back(table.cosines[position * half + i]);
      sines.push_back(table.sines[position * half + i]);
    }
  }
  const Shape shape = {static_cast<std::int64_t>(positions.size()), half};
  return {{"cosines", floats(cosines, shape)}, {"sines", floats(sines, shape)}};
}

// Every octave, both signs, and what each program treats apart.
std::vector<float> function_arguments(Inputs& inputs) {
  std::vector<float> x = {0.0F,
                          -0.0F,
                          1.0F,
                          -1.0F,
                          kInfinity,
                          -kInfinity,
                          from_bits(kCanonicalNan),
                          from_bits(0xFFC12345U),
                          0x1p-149F,
                          -0x1p-149F,
                          0x1p-126F,
                          -0x1p-126F,
                          0x1.fffffcp-127F,
                          0x1.fffffep+127F,
                          -0x1.fffffep+127F,
                          0.625F,
                          0x1.3ffffep-1F,
                          0.921875F,
                          0x1.d7fffep-1F,
                          4.0F,
                          88.72283F,
                          88.72284F,
                          89.0F,
                          -87.33654F,
                          -87.33655F,
                          -103.27893F,
                          -103.97208F,
                          -103.97209F,
                          -104.0F,
                          -105.0F,
                          15.0F,
                          -15.0F,
                          3.0F,
                          -14.5F,
                          from_bits(0x3F3504F3U),
                          from_bits(0x3F3504F2U),
                          0.34657359F,
                          -0.34657359F,
                          64.0F,
                          0x1.000002p+6F,
                          -64.0F,
                          0x1.fffffep-1F,
                          -0x1.fffffep-1F,
                          -110.0F,
                          -109.99999F,
                          -111.0F};
  for (int exponent = -149; exponent < 128; exponent += 4) {
    x.push_back(std::ldexp(1.0F + static_cast<float>(inputs.below(1 << 23)) * 0x1p-23F, exponent));
    x.push_back(-x.back());
  }
  for (int i = 0; i < 150; ++i) x.push_back(inputs.gauss() * (i % 3 == 0 ? 30.0F : 2.0F));
  return x;
}

std::vector<double> function_arguments64(Inputs& inputs, double scale) {
  std::vector<double> x = {0.0,
                           -0.0,
                           1.0,
                           -1.0,
                           0x1p30,
                           -0x1p30,
                           0x1.0000000000001p30,
                           708,
                           -708,
                           708.0000001,
                           -708.0000001,
                           0x1.921fb54442d18p+0,
                           0x1.921fb54442d18p+1,
                           0x1p-1022,
                           0x1p-1074,
                           0x1.fffffffffffffp+1023,
                           5e5,
                           1e4,
                           0x1.6a09e667f3bcdp-1,
                           0x1.6a09e667f3bccp-1,
                           0x1.62e42fefa39efp-2};
  for (int i = 0; i < 100; ++i) {
    const double size = static_cast<double>(inputs.word()) * 0x1p-32 * scale;
    x.push_back(i % 2 == 0 ? size : -size);
    x.push_back(std::ldexp(size, -static_cast<int>(inputs.below(60))));
  }
  return x;
}

void add_rope_cases(std::vector<Case>& cases) {
  for (const std::int64_t head_dim : {2, 6, 64, 128}) {
    for (const double theta : {500000.0, 10000.0, 1.0}) {
      if (theta != 500000.0 && head_dim != 64) continue;
      const std::string name = "head width " + std::to_string(head_dim) + ", theta " +
                               std::to_string(static_cast<int>(theta));
      Json in = {{"theta", double_scalar(theta)}, {"head_dim", scalar(head_dim)}};
      cases.push_back({"rope_frequency", name, in});
      const std::vector<std::int64_t> positions =
          head_dim == 2 ? std::vector<std::int64_t>{0, 1, 2, 135, 4095, 65537, 262143}
                        : std::vector<std::int64_t>{0, 1, 2, 135, 4095};
      in["positions"] = integers(positions);
      cases.push_back({"rope_table", name, in});
    }
  }
}

std::vector<Case> function_cases() {
  std::vector<Case> cases;
  for (const char* name : {"exp32", "log32", "tanh32", "erf32", "sigmoid32", "silu32", "gelu32"}) {
    Inputs inputs(name);
    cases.push_back({name, "random and extreme", {{"x", floats(function_arguments(inputs))}}});
  }
  Inputs inputs("functions");
  std::vector<std::uint32_t> words = {0,          1,          0x7FFFFFFF, 0x7FFFFFFE, 0x80000000,
                                      0x80000001, 0xFFFFFFFF, 0x40000000, 0xC0000000};
  for (int i = 0; i < 200; ++i) words.push_back(inputs.word());
  for (int i = 0; i < 31; ++i) words.push_back((1U << i) + 12345U % (1U << i));
  cases.push_back({"normal32", "random and extreme", {{"word", integers(words)}}});
  for (const char* name : {"sin64", "cos64", "exp64", "log64"}) {
    const double scale = name[0] == 'e' ? 708 : 0x1p21;
    cases.push_back(
        {name, "random and extreme", {{"x", doubles(function_arguments64(inputs, scale))}}});
  }
  std::vector<double> base;
  std::vector<std::uint64_t> n;
  for (const double b : {0.9, 0.95, 0.999, 1.0, 0.0, 0x1.fffffffffffffp-1}) {
    for (const std::uint64_t power :
         {0ULL, 1ULL, 2ULL, 3ULL, 7ULL, 100ULL, 1000ULL, 65535ULL, 1ULL << 40}) {
      base.push_back(b);
      n.push_back(power);
    }
  }
  cases.push_back({"power_int", "", {{"base", doubles(base)}, {"n", integers(n)}}});
  add_rope_cases(cases);
  return cases;
}

}  // namespace

Group rounding_group() {
  return {"rounding",
          {{"rne32", rne32},
           {"rn64", rn64},
           {"floor2", exponents_of<exponent_floor>},
           {"ex", exponents_of<exponent15>}},
          rounding_cases};
}

Group function_group() {
  return {"functions",
          {{"exp32", map32<exp32>},
           {"log32", map32<log32>},
           {"tanh32", map32<tanh32>},
           {"erf32", map32<erf32>},
           {"sigmoid32", map32<sigmoid32>},
           {"silu32", map32<silu32>},
           {"gelu32", map32<gelu32>},
           {"normal32", normals},
           {"sin64", map64<sin64>},
           {"cos64", map64<cos64>},
           {"exp64", map64<exp64>},
           {"log64", map64<log64>},
           {"power_int", powers},
           {"rope_frequency", frequencies},
           {"rope_table", rope_table}},
          function_cases};
}

}  // namespace repro::train
