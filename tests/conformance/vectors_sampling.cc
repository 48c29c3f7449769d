// Golden vectors of docs/arithmetic.md, "Inference" and "Sampling".
#include "artifacts/base/number_text.h"
#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/eval/sampling.h"

namespace repro::train {
namespace {

Json sampling_words(const Context&, const Json& in) {
  const auto sequence = get<std::uint64_t>(in, "sequence");
  const auto position = get<std::uint64_t>(in, "position");
  std::vector<std::uint64_t> words;
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    words.push_back(sampling_word(get_one<std::uint64_t>(in, "seed"), sequence[i], position.at(i)));
  }
  return {{"word", integers(words)}};
}

Json sample(const Context&, const Json& in) {
  const auto logits = get_floats(in, "l");
  SamplingRule rule =
      make_sampling_rule(decimal_text(get_double(in, "temperature")),
                         get_one<std::int64_t>(in, "top_k"), decimal_text(get_double(in, "top_p")));
  rule.candidates = get_one<std::int64_t>(in, "candidates");
  std::vector<std::int64_t> tokens;
  for (const std::uint64_t word : get<std::uint64_t>(in, "word")) {
    tokens.push_back(choose_token(logits, rule, word));
  }
  return {{"token", integers(tokens)}};
}

Json log_probabilities(const Context& context, const Json& in) {
  const auto logits = get_floats(in, "l");
  std::vector<float> y;
  std::vector<std::int64_t> units;
  for (const std::int64_t token : get<std::int64_t>(in, "token")) {
    std::vector<float> row = logits;
    y.push_back(log_probability(context.rows(), row, static_cast<std::uint32_t>(token)));
    units.push_back(log_probability_units(y.back()));
  }
  return {{"y", floats(y)}, {"units", integers(units)}};
}

struct Rule {
  double temperature = 1;
  std::int64_t top_k = 0;
  double top_p = 1;
  std::int64_t candidates = 0;
};

std::string name_of(const Rule& rule) {
  return "T " + decimal_text(rule.temperature) + ", top-k " + std::to_string(rule.top_k) +
         ", top-p " + decimal_text(rule.top_p) + ", candidates " + std::to_string(rule.candidates);
}

Case sample_case(const std::string& name, const std::vector<float>& logits, const Rule& rule,
                 const std::vector<std::uint64_t>& words) {
  return {"sample",
          name + ", " + name_of(rule),
          {{"l", floats(logits)},
           {"temperature", double_scalar(rule.temperature)},
           {"top_k", scalar(rule.top_k)},
           {"top_p", double_scalar(rule.top_p)},
           {"candidates", scalar(rule.candidates)},
           {"word", integers(words)}}};
}

void add_rules(std::vector<Case>& cases, Inputs& inputs) {
  const std::vector<Rule> rules = {{},
                                   {0, 0, 1, 0},
                                   {1e-60, 3, 0.5, 0},  // 0 in binary32
                                   {1e-40, 0, 1, 0},    // subnormal
                                   {0.7, 0, 1, 0},
                                   {1e38, 0, 1, 0},
                                   {1, 1, 1, 0},
                                   {1.3, 5, 1, 0},
                                   {1, 1000, 1, 0},
                                   {1, 0, 0.9, 0},
                                   {1, 0, 1e-12, 0},
                                   {1, 0, 0.9999999999, 0},  // M = 2^30
                                   {0.8, 7, 0.6, 0},
                                   {1, 4, 0.5, 17},
                                   {2, 0, 0.25, 1}};
  for (const Kind kind : kAllKinds) {
    const std::vector<float> logits = inputs.floats(kind, 33);
    for (const Rule& rule : rules) {
      std::vector<std::uint64_t> words = {0, ~std::uint64_t{0}, std::uint64_t{1} << 63};
      for (int i = 0; i < 9; ++i) words.push_back(inputs.word64());
      cases.push_back(sample_case(std::string(name_of(kind)), logits, rule, words));
    }
  }
}

// Words on both sides of each bound between four tokens of equal weight, and of a nucleus that ends
// exactly at one.
void add_bounds(std::vector<Case>& cases) {
  const std::vector<float> equal(4, 2.5F);
  std::vector<std::uint64_t> words;
  for (std::uint64_t quarter = 1; quarter < 4; ++quarter) {
    words.push_back((quarter << 62) - 1);
    words.push_back(quarter << 62);
  }
  for (const double top_p : {1.0, 0.5, 0.5000000014, 0.75}) {
    cases.push_back(sample_case("four equal", equal, {1, 0, top_p, 0}, words));
  }
  cases.push_back(sample_case("four equal", equal, {1, 3, 0.5, 0}, words));
  const std::vector<float> zeros = {-1, -0.0F, 0.0F, -0.0F, 0.0F};
  cases.push_back(sample_case("signs of zero", zeros, {0, 0, 1, 0}, words));
  cases.push_back(sample_case("signs of zero", zeros, {1, 2, 1, 0}, words));
  const std::vector<float> far = {-3e38F, 3e38F, 2e38F};
  cases.push_back(sample_case("differences beyond binary32", far, {1, 0, 1, 0}, words));
  cases.push_back(sample_case("differences beyond binary32", far, {3e38, 0, 0.8, 0}, words));
  cases.push_back(sample_case("one", {-7}, {}, words));
}

void add_log_probabilities(std::vector<Case>& cases, Inputs& inputs) {
  for (const Kind kind : kAllKinds) {
    if (kind == Kind::huge) continue;
    std::vector<std::int64_t> tokens = {0, 32};
    for (int i = 0; i < 4; ++i) tokens.push_back(inputs.below(33));
    cases.push_back({"log_probability",
                     std::string(name_of(kind)),
                     {{"l", floats(inputs.floats(kind, 33))}, {"token", integers(tokens)}}});
  }
  cases.push_back(
      {"log_probability",
       "far away",
       {{"l", floats({80, -80, 1e12F, -1e12F})}, {"token", integers<std::int64_t>({0, 1, 2, 3})}}});
}

std::vector<Case> sampling_cases() {
  std::vector<Case> cases;
  Inputs inputs("sampling");
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{42}, ~std::uint64_t{0} >> 1}) {
    cases.push_back({"sampling_word",
                     "seed " + std::to_string(seed),
                     {{"seed", scalar(seed)},
                      {"sequence", integers<std::uint64_t>({0, 0, 1, 3, 1ULL << 32, 1ULL << 40})},
                      {"position", integers<std::uint64_t>({1, 2, 1, 17, 5, (1ULL << 33) + 9})}}});
  }
  add_rules(cases, inputs);
  add_bounds(cases);
  add_log_probabilities(cases, inputs);
  return cases;
}

}  // namespace

Group sampling_group() {
  return {"sampling",
          {{"sampling_word", sampling_words},
           {"sample", sample},
           {"log_probability", log_probabilities}},
          sampling_cases};
}

}  // namespace repro::train
