#include "train/eval/sampling.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "train/numerics/functions.h"
#include "train/numerics/philox.h"

namespace repro::train {
namespace {

using Wide = unsigned __int128;

// Total order: greater values first, equal ones (+0 and -0 are) by index.
struct Before {
  std::span<const float> logits;
  bool operator()(std::size_t a, std::size_t b) const {
    if (logits[a] != logits[b]) return logits[a] > logits[b];
    return a < b;
  }
};

std::size_t first_maximum(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// rne(p_j * 2^40), p_j = exp32((s_j - m) / temperature).
std::vector<std::int64_t> weights_of(std::span<const float> logits, float temperature) {
  const float max = logits[first_maximum(logits)];
  std::vector<std::int64_t> weights(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float p = exp32((logits[i] - max) / temperature);
    weights[i] = round_small(static_cast<double>(p) * 0x1p40);
  }
  return weights;
}

// The shortest beginning of `order` whose weights reach the share top_p of their sum.
std::size_t nucleus(const std::vector<std::int64_t>& weights, std::span<const std::size_t> order,
                    std::int64_t top_p) {
  std::int64_t total = 0;
  for (const std::size_t i : order) total += weights[i];
  const Wide wanted = static_cast<Wide>(total) * static_cast<std::uint64_t>(top_p);
  std::int64_t sum = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    sum += weights[order[rank]];
    if (static_cast<Wide>(sum) * static_cast<std::uint64_t>(kWholeMass) >= wanted) return rank + 1;
  }
  return order.size();
}

// Sets the weights of all that top-k and top-p leave out to 0.
void keep_best(std::span<const float> logits, const SamplingRule& rule,
               std::vector<std::int64_t>& weights) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::size_t kept = order.size();
  if (rule.top_k > 0) kept = std::min(kept, static_cast<std::size_t>(rule.top_k));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    Before{logits});
  kept = nucleus(weights, std::span(order).first(kept), rule.top_p);
  for (std::size_t rank = kept; rank < order.size(); ++rank) weights[order[rank]] = 0;
}

float parse_temperature(std::string_view text) {
  const auto value = find_number(text);
  const float rounded = static_cast<float>(value.value_or(-1));
  if (rounded >= 0 && is_finite_bits(to_bits(rounded))) return rounded;
  throw Error(Code::invalid_argument, "temperature is '" + std::string(text) + "'",
              "it is a number of at least 0; 0 takes the likeliest token");
}

std::int64_t parse_top_p(std::string_view text) {
  const double value = find_number(text).value_or(-1);
  if (value > 0 && value <= 1) return std::max<std::int64_t>(1, rne_scaled(value, 30));
  throw Error(Code::invalid_argument, "top-p is '" + std::string(text) + "'",
              "it is a number above 0 and at most 1");
}

}  // namespace

SamplingRule make_sampling_rule(std::string_view temperature, std::int64_t top_k,
                                std::string_view top_p) {
  SamplingRule rule;
  if (!temperature.empty()) rule.temperature = parse_temperature(temperature);
  if (!top_p.empty()) rule.top_p = parse_top_p(top_p);
  if (top_k < 0) {
    throw Error(Code::invalid_argument, "top-k is " + std::to_string(top_k),
                "it is a whole number of at least 1");
  }
  rule.top_k = top_k;
  return rule;
}

std::uint64_t sampling_word(std::uint64_t seed, std::uint64_t sequence, std::uint64_t position) {
  const PhiloxBlock block = philox4x32_10(
      stream_key(seed, "sample/1"),
      {{static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32),
        static_cast<std::uint32_t>(sequence), static_cast<std::uint32_t>(sequence >> 32)}});
  return block.word[0] | (std::uint64_t{block.word[1]} << 32);
}

std::uint32_t choose_token(std::span<const float> logits, const SamplingRule& rule,
                           std::uint64_t word) {
  REPRO_CHECK(!logits.empty());
  if (rule.candidates > 0) {
    logits = logits.first(std::min(logits.size(), static_cast<std::size_t>(rule.candidates)));
  }
  if (rule.temperature == 0) return static_cast<std::uint32_t>(first_maximum(logits));
  std::vector<std::int64_t> weights = weights_of(logits, rule.temperature);
  if (rule.top_k > 0 || rule.top_p < kWholeMass) keep_best(logits, rule, weights);
  const std::int64_t total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  const auto target = static_cast<std::int64_t>((static_cast<Wide>(total) * word) >> 64);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (sum > target) return static_cast<std::uint32_t>(i);
  }
  throw Error(Code::internal, "no token has any weight");  // the maximum has 2^40
}

float log_probability(const RowKernels& rows, std::span<float> logits, std::uint32_t token) {
  REPRO_CHECK(token < logits.size());
  const float logit = logits[token];
  const SoftmaxRowResult row =
      rows.softmax_row(logits.data(), static_cast<std::int64_t>(logits.size()));
  return (logit - row.max) - log32(row.sum);
}

std::int64_t log_probability_units(float value) {
  return rne_scaled(static_cast<double>(value), 30);
}

std::int64_t sum_of_units(std::span<const float> log_probabilities) {
  std::int64_t units = 0;
  for (const float value : log_probabilities) units += log_probability_units(value);
  return units;
}

}  // namespace repro::train
