// Golden vectors of docs/arithmetic.md, "Gradients", "The optimiser" and "Schedules".
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/engine/trainer.h"
#include "train/models/olmo2_layers.h"
#include "train/optim/adamw.h"
#include "train/optim/schedule.h"
#include "train/optim/skip_step.h"

namespace repro::train {
namespace {

constexpr std::int64_t kLimit = std::int64_t{1} << 61;

// --- gradients -----------------------------------------------------------------------------------

void add_row_units(const Context& context, const float* x, float factor, std::int64_t count,
                   std::int32_t unit, std::int64_t* units) {
  if (context.rows().add_units(x, factor, count, unit, kLimit, units) >= 0) {
    throw std::runtime_error("a gradient's limit");
  }
}

Json units_of(const Context& context, const Json& in) {
  const auto x = get_floats(in, "x");
  std::vector<std::int64_t> units(x.size());
  add_row_units(context, x.data(), get_float(in, "factor"), static_cast<std::int64_t>(x.size()),
                get_one<std::int32_t>(in, "unit"), units.data());
  return {{"units", integers(units)}};
}

manifests::ModelConfig least_model() {
  manifests::ModelConfig model;
  model.hidden_size = 2;
  model.num_layers = 1;
  model.num_heads = model.num_kv_heads = 1;
  model.intermediate_size = 1;
  model.vocab_size = 1;
  return model;
}

Json limit_of(const Context&, const Json& in) {
  manifests::Config config;
  config.train.batch_size = get_one<std::int64_t>(in, "batch_size");
  config.data.sequence_length = get_one<std::int64_t>(in, "sequence_length");
  Parameters parameters(least_model());
  return {{"limit",
           scalar(gradient_sink(config, parameters.gradient.data(), parameters.tensors[0]).limit)}};
}

Json embedding_units(const Context& context, const Json& in) {
  const auto dh = get_floats(in, "dh");
  const auto ids = get<std::int64_t>(in, "ids");
  const std::int64_t width = shape_of(in, "dh")[1];
  const auto vocab = get_one<std::int64_t>(in, "vocab");
  std::vector<std::int64_t> units(static_cast<std::size_t>(vocab * width));
  for (std::size_t t = 0; t < ids.size(); ++t) {
    add_row_units(context, dh.data() + static_cast<std::int64_t>(t) * width, 1.0F, width,
                  get_one<std::int32_t>(in, "unit"), units.data() + ids[t] * width);
  }
  return {{"units", integers(units, {vocab, width})}};
}

Json groups_of(const Context&, const Json& in) {
  std::vector<std::int64_t> ends;
  for (const RowRange& group :
       gradient_groups(get_one<std::int64_t>(in, "sequences"), get_one<std::int64_t>(in, "length"),
                       get_one<std::int64_t>(in, "grad_group"))) {
    ends.insert(ends.end(), {group.begin, group.end});
  }
  return {{"groups", integers(ends, {static_cast<std::int64_t>(ends.size() / 2), 2})}};
}

void add_group_cases(std::vector<Case>& cases) {
  for (const auto& [sequences, length, grad_group] :
       std::vector<std::array<std::int64_t, 3>>{{4, 10, 0},
                                                {4, 10, 10},
                                                {5, 10, 25},
                                                {4, 10, 40},
                                                {4, 10, 1000},
                                                {3, 10, 4},
                                                {2, 10, 5},
                                                {2, 3, 1},
                                                {1, 7, 0},
                                                {5, 10, 19}}) {
    cases.push_back({"gradient_groups",
                     std::to_string(sequences) + " of " + std::to_string(length) + " by " +
                         std::to_string(grad_group),
                     {{"sequences", scalar(sequences)},
                      {"length", scalar(length)},
                      {"grad_group", scalar(grad_group)}}});
  }
  for (const auto& [batch, length] :
       std::vector<std::array<std::int64_t, 2>>{{4, 136}, {1, 2}, {1 << 12, 1 << 12}, {3, 1000}}) {
    cases.push_back({"gradient_limit",
                     std::to_string(batch) + " of " + std::to_string(length),
                     {{"batch_size", scalar(batch)}, {"sequence_length", scalar(length)}}});
  }
}

std::vector<Case> gradient_cases() {
  std::vector<Case> cases;
  Inputs inputs("gradients");
  const auto add = [&](const std::string& name, const std::vector<float>& x, float factor,
                       std::int32_t unit) {
    cases.push_back({"gradient_units",
                     name,
                     {{"x", floats(x)}, {"factor", float_scalar(factor)}, {"unit", scalar(unit)}}});
  };
  for (const Kind kind : kAllKinds) {
    const float factor = kind == Kind::huge ? 0x1p-118F : 1.0F;
    add(std::string(name_of(kind)), inputs.floats(kind, 25), factor, 32);
    add(std::string(name_of(kind)) + ", with a factor", inputs.floats(kind, 25), 0.37F * factor,
        kind == Kind::subnormal ? 150 : 24);
  }
  add("ties of units", {0x1p-33F, 0x1.8p-32F, 0x1.4p-31F, -0x1p-33F, -0x1.8p-32F, 0x1.000002p-33F},
      1, 32);
  add("a product that underflows", {0x1p-100F, -0x1p-100F, 0x1.8p-70F}, 0x1p-80F, 200);
  add("beyond 2^51", {0x1.234566p+20F, -0x1.fffffep+28F, 0x1.8p+27F}, 1, 32);
  const std::int64_t tokens = 9, width = 4, vocab = 5;
  cases.push_back({"embedding_gradient",
                   "repeated ids",
                   {{"dh", floats(inputs.matrix(Kind::spread, tokens, width), {tokens, width})},
                    {"ids", integers(std::vector<std::int64_t>{0, 4, 0, 0, 2, 2, 4, 0, 1})},
                    {"vocab", scalar(vocab)},
                    {"unit", scalar(32)}}});
  add_group_cases(cases);
  return cases;
}

// --- optimiser -----------------------------------------------------------------------------------

Json norm_of(const Context& context, const Json& in) {
  const auto gradient = get<std::int64_t>(in, "gradient");
  Parameters parameters(least_model());
  const auto count = static_cast<std::int64_t>(gradient.size());
  parameters.weights.resize(count);  // the norm looks at no tensor's place
  parameters.gradient.resize(count);
  std::copy(gradient.begin(), gradient.end(), parameters.gradient.data());
  return {
      {"norm", double_scalar(gradient_norm(context, parameters, get_one<std::int32_t>(in, "unit"),
                                           get_one<std::int64_t>(in, "N")))}};
}

Json clips(const Context&, const Json& in) {
  std::vector<float> clip;
  for (const double norm : get_doubles(in, "norm")) {
    clip.push_back(clip_factor(norm, get_double(in, "clip_norm")));
  }
  return {{"clip", floats(clip)}};
}

// The rate is a constant schedule's.
Json constants_of(const Context&, const Json& in) {
  manifests::Config config;
  config.optimizer.beta1 = get_double(in, "beta1");
  config.optimizer.beta2 = get_double(in, "beta2");
  config.optimizer.learning_rate = get_double(in, "rate");
  config.optimizer.weight_decay = get_double(in, "weight_decay");
  config.schedule.name = "constant";
  const UpdateConstants made = update_constants(config, get_one<std::int64_t>(in, "t"), 1);
  return {{"b1", float_scalar(made.beta1)},         {"n1", float_scalar(made.one_minus_beta1)},
          {"b2", float_scalar(made.beta2)},         {"n2", float_scalar(made.one_minus_beta2)},
          {"c1", float_scalar(made.correction1)},   {"c2", float_scalar(made.correction2)},
          {"lr", float_scalar(made.learning_rate)}, {"ld", float_scalar(made.decay)}};
}

Json adamw(const Context& context, const Json& in) {
  auto w = get_floats(in, "w");
  auto m = get_floats(in, "m");
  auto v = get_floats(in, "v");
  const auto gradient = get<std::int64_t>(in, "G");
  AdamwArgs args;
  args.w = w.data();
  args.m = m.data();
  args.v = v.data();
  args.gradient = gradient.data();
  args.count = static_cast<std::int64_t>(w.size());
  args.unit = get_one<std::int32_t>(in, "unit");
  args.normalizer = static_cast<float>(get_one<std::int64_t>(in, "N"));
  args.clip = get_float(in, "clip");
  args.beta1 = get_float(in, "b1");
  args.one_minus_beta1 = get_float(in, "n1");
  args.beta2 = get_float(in, "b2");
  args.one_minus_beta2 = get_float(in, "n2");
  args.correction1 = get_float(in, "c1");
  args.correction2 = get_float(in, "c2");
  args.epsilon = get_float(in, "epsilon");
  args.lr = get_float(in, "lr");
  args.lr_decay = get_float(in, "ld");
  context.rows().adamw(args);
  return {{"w", floats(w)}, {"m", floats(m)}, {"v", floats(v)}};
}

Json rates(const Context&, const Json& in) {
  manifests::Config config;
  config.optimizer.learning_rate = get_double(in, "peak");
  config.schedule.final_fraction = get_double(in, "final_fraction");
  config.schedule.warmup_steps = get_one<std::int64_t>(in, "warmup");
  config.schedule.name = in.at("schedule").get<std::string>();
  config.train.steps = get_one<std::int64_t>(in, "steps");
  std::vector<double> rate;
  for (const std::int64_t t : get<std::int64_t>(in, "t")) rate.push_back(learning_rate(config, t));
  return {{"rate", doubles(rate)}};
}

Json olmo_rates(const Context&, const Json& in) {
  manifests::Config config;
  config.schedule.name = "olmo_cosine";
  config.optimizer.learning_rate = get_double(in, "peak");
  config.schedule.final_fraction = get_double(in, "final_fraction");
  config.schedule.warmup_tokens = get_one<std::int64_t>(in, "warmup");
  config.schedule.total_tokens = get_one<std::int64_t>(in, "total");
  config.train.batch_size = get_one<std::int64_t>(in, "tokens");
  config.data.sequence_length = 1;
  std::vector<double> rate;
  for (const std::int64_t t : get<std::int64_t>(in, "t")) rate.push_back(learning_rate(config, t));
  return {{"rate", doubles(rate)}};
}

Json skips(const Context&, const Json& in) {
  manifests::OptimizerConfig optimizer;
  optimizer.skip_window = get_one<std::int64_t>(in, "window");
  optimizer.skip_sigma = get_double(in, "sigma");
  const StepHistory history{get_floats(in, "losses"), get_floats(in, "norms"), 0};
  const auto loss = get_floats(in, "loss");
  const auto norm = get_floats(in, "norm");
  std::vector<std::int64_t> skipped;
  for (std::size_t i = 0; i < loss.size(); ++i) {
    skipped.push_back(skips_update(optimizer, history, loss[i], norm[i]) ? 1 : 0);
  }
  return {{"skipped", integers(skipped)}};
}

// The largest value that is not far above.
float last_usual(const std::vector<float>& previous, float sigma) {
  float low = -std::numeric_limits<float>::max();
  float high = std::numeric_limits<float>::max();
  if (!is_far_above(previous, high, sigma)) return high;
  for (int i = 0; i < 400 && std::nextafter(low, high) < high; ++i) {
    const auto middle = static_cast<float>((static_cast<double>(low) + high) / 2);
    (is_far_above(previous, middle, sigma) ? high : low) = middle;
  }
  return low;
}

void add_skip_cases(std::vector<Case>& cases, Inputs& inputs) {
  const auto add = [&](const std::string& name, const std::vector<float>& losses,
                       const std::vector<float>& norms, std::int64_t window, double sigma) {
    const auto limit = static_cast<float>(sigma);
    const float loss = losses.size() < 2 ? 1e30F : last_usual(losses, limit);
    const float norm = losses.size() < 2 ? 1e30F : last_usual(norms, limit);
    const float more_loss = std::nextafter(loss, std::numeric_limits<float>::max());
    const float more_norm = std::nextafter(norm, std::numeric_limits<float>::max());
    cases.push_back({"skip_step",
                     name,
                     {{"losses", floats(losses)},
                      {"norms", floats(norms)},
                      {"loss", floats({loss, more_loss, loss, more_loss, -loss})},
                      {"norm", floats({norm, norm, more_norm, more_norm, -norm})},
                      {"window", scalar(window)},
                      {"sigma", double_scalar(sigma)}}});
  };
  for (const Kind kind : kAllKinds) {
    add(std::string(name_of(kind)), inputs.floats(Kind::normal, 70, 0.1F), inputs.floats(kind, 70),
        128, 6);
  }
  add("half a window less one", inputs.floats(Kind::normal, 63), inputs.floats(Kind::normal, 63),
      128, 0);
  add("half a window", inputs.floats(Kind::normal, 64), inputs.floats(Kind::normal, 64), 128, 0);
  add("one step", {1}, {1}, 2, 0);
  add("two steps", {1, 1.5F}, {3, 0}, 2, 0.3);
  add("an odd window", inputs.floats(Kind::normal, 2), inputs.floats(Kind::normal, 2), 5, 1);
}

void add_norm_cases(std::vector<Case>& cases, Inputs& inputs) {
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& gradient,
                       std::int32_t unit, std::int64_t n) {
    cases.push_back({"gradient_norm",
                     name,
                     {{"gradient", integers(gradient)}, {"unit", scalar(unit)}, {"N", scalar(n)}}});
  };
  std::vector<std::int64_t> random;
  for (int i = 0; i < 50; ++i) random.push_back(static_cast<std::int64_t>(inputs.word64()) >> 20);
  add("random", random, 32, 540);
  add("zeros", {0, 0, 0}, 32, 1);
  add("largest", std::vector<std::int64_t>(20, kLimit - 1), 32, 3);
  add("least", {1}, 62, (1 << 24) - 1);
  add("a sum that is not a binary64", {(1LL << 53) + 1, 1}, 20, 7);
  add("a tie of the sum", {1LL << 60, 1LL << 33, 1LL << 20}, 32, 1);
  std::vector<double> norms = {0, 0.5, 1, 0.999999, 0x1.fffffdp-1, 1e-300, 3.7, 1e30};
  for (int i = 0; i < 30; ++i) norms.push_back(static_cast<double>(inputs.word()) * 0x1p-29);
  for (const double limit : {1.0, 0.0, 0.3, 1e-30}) {
    cases.push_back({"clip",
                     limit == 0 ? "no limit" : "limit about 2^" + std::to_string(std::ilogb(limit)),
                     {{"norm", doubles(norms)}, {"clip_norm", double_scalar(limit)}}});
  }
}

void add_constant_cases(std::vector<Case>& cases) {
  for (const std::int64_t t : {1, 2, 3, 10, 1000, 100000, 16777217}) {
    for (const double beta2 : {0.95, 0.999, 0.0}) {
      cases.push_back({"update_constants",
                       "step " + std::to_string(t) + ", beta2 " + std::to_string(beta2),
                       {{"beta1", double_scalar(0.9)},
                        {"beta2", double_scalar(beta2)},
                        {"rate", double_scalar(0.003 / static_cast<double>(t))},
                        {"weight_decay", double_scalar(0.1)},
                        {"t", scalar(t)}}});
    }
  }
}

Json adamw_in(const Context& context, std::int64_t t, const std::vector<std::int64_t>& gradient,
              const std::vector<float>& w, const std::vector<float>& m, const std::vector<float>& v,
              float clip, std::int32_t unit, bool decay) {
  Json in = constants_of(context, {{"beta1", double_scalar(0.9)},
                                   {"beta2", double_scalar(0.95)},
                                   {"rate", double_scalar(0.003)},
                                   {"weight_decay", double_scalar(decay ? 0.1 : 0)},
                                   {"t", scalar(t)}});
  in.update(Json{{"w", floats(w)},
                 {"m", floats(m)},
                 {"v", floats(v)},
                 {"G", integers(gradient)},
                 {"unit", scalar(unit)},
                 {"N", scalar(std::int64_t{16777213})},
                 {"clip", float_scalar(clip)},
                 {"epsilon", float_scalar(1e-8F)}});
  return in;
}

void add_adamw_cases(std::vector<Case>& cases, Inputs& inputs) {
  const Context context = {choose_path("scalar"), nullptr};
  for (const std::int64_t t : {1, 2, 1000}) {
    const std::int64_t count = 43;
    std::vector<std::int64_t> gradient;
    for (std::int64_t i = 0; i < count; ++i) {
      gradient.push_back(static_cast<std::int64_t>(inputs.word64()) >> (8 + inputs.below(50)));
    }
    std::vector<float> m = inputs.floats(Kind::spread, count, 0x1p-12F);
    std::vector<float> v = inputs.floats(Kind::spread, count, 0x1p-20F);
    for (float& value : v) value = std::abs(value);
    if (t == 1) {
      std::fill(m.begin(), m.end(), 0.0F);
      std::fill(v.begin(), v.end(), 0.0F);
    }
    cases.push_back({"adamw", "step " + std::to_string(t),
                     adamw_in(context, t, gradient, inputs.floats(Kind::normal, count, 0.02F), m, v,
                              t == 1 ? 0.3F : 1.0F, t == 2 ? 40 : 32, t != 2)});
  }
  cases.push_back(
      {"adamw", "extremes",
       adamw_in(context, 3, {0, 0, 1, -1, kLimit - 1, 1 - kLimit, (1LL << 54) + (1LL << 30), 0, 0},
                {0.0F, -0.0F, 1, 1, 0.5F, -0.5F, 0x1p-149F, 0x1p-149F, 0x1p+100F},
                {0.0F, -0.0F, 0x1p-149F, -0x1p-149F, 0, 0, 0, 0x1p-126F, -0x1p-130F},
                {0, 0, 0, 0x1p-149F, 0, 1, 0x1p-140F, 0x1p-149F, 0x1p+60F}, 1, 32, true)});
}

void add_rate_cases(std::vector<Case>& cases) {
  const std::vector<std::int64_t> t = {1, 2, 7, 9, 10, 11, 25, 50, 55, 99, 100, 101, 1000};
  for (const char* schedule : {"cosine", "linear", "constant"}) {
    for (const std::int64_t warmup : {0, 10, 100}) {
      for (const double fraction : {0.1, 0.0}) {
        cases.push_back({"learning_rate",
                         std::string(schedule) + ", warm-up " + std::to_string(warmup) + ", to " +
                             std::to_string(fraction),
                         {{"schedule", schedule},
                          {"peak", double_scalar(0.003)},
                          {"final_fraction", double_scalar(fraction)},
                          {"warmup", scalar(warmup)},
                          {"steps", scalar(std::int64_t{100})},
                          {"t", integers(t)}}});
      }
    }
  }
}

// The released 7B: facts of its configuration, and around where warm-up and cosine end.
void add_olmo_rate_cases(std::vector<Case>& cases) {
  const std::vector<std::int64_t> t = {1,      1000,   1999,   2000,    2001,    100000,
                                       500000, 928000, 928646, 1192092, 1192093, 2000000};
  cases.push_back({"olmo_cosine",
                   "7B",
                   {{"peak", double_scalar(3e-4)},
                    {"final_fraction", double_scalar(0.1)},
                    {"warmup", scalar(std::int64_t{8388608000})},
                    {"total", scalar(std::int64_t{5000000000000})},
                    {"tokens", scalar(std::int64_t{1024} * 4096)},
                    {"t", integers(t)}}});
}

std::vector<Case> optimiser_cases() {
  std::vector<Case> cases;
  Inputs inputs("optimiser");
  add_norm_cases(cases, inputs);
  add_constant_cases(cases);
  add_adamw_cases(cases, inputs);
  add_rate_cases(cases);
  add_olmo_rate_cases(cases);
  add_skip_cases(cases, inputs);
  return cases;
}

}  // namespace

Group gradient_group() {
  return {"gradients",
          {{"gradient_units", units_of},
           {"gradient_limit", limit_of},
           {"embedding_gradient", embedding_units},
           {"gradient_groups", groups_of}},
          gradient_cases};
}

Group optimiser_group() {
  return {"optimiser",
          {{"gradient_norm", norm_of},
           {"clip", clips},
           {"update_constants", constants_of},
           {"adamw", adamw},
           {"skip_step", skips},
           {"learning_rate", rates},
           {"olmo_cosine", olmo_rates}},
          optimiser_cases};
}

}  // namespace repro::train
