// The operator sample/1 (docs/arithmetic.md, "Sampling"): from a row of logits to a token, in exact
// integers, and the log-probability of a token. A choice depends on the logits, the rule, the seed,
// the number of the sequence and the position alone.
//
// Thread rules: all functions may run in many threads at once.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "train/kernels/row_kernels.h"

namespace repro::train {

inline constexpr std::int64_t kWholeMass = std::int64_t{1} << 30;

struct SamplingRule {
  float temperature = 1;            // 0: the first maximum, whatever else is said
  std::int64_t top_k = 0;           // keep so many; 0: all
  std::int64_t top_p = kWholeMass;  // keep so much of the mass, in units of 2^-30
  std::int64_t candidates = 0;      // only ids below; 0: the whole vocabulary
};

// Reads what a person wrote. Error(invalid_argument): a temperature that is no number, negative or
// infinite in binary32; a top_k below 1; a top_p outside (0, 1]. "" and 0 mean: not given.
SamplingRule make_sampling_rule(std::string_view temperature, std::int64_t top_k,
                                std::string_view top_p);

// 64 random bits of a position of a sequence.
std::uint64_t sampling_word(std::uint64_t seed, std::uint64_t sequence, std::uint64_t position);

// The token that `word` draws. Logits are finite, not empty.
std::uint32_t choose_token(std::span<const float> logits, const SamplingRule& rule,
                           std::uint64_t word);

// (l_t - m) - log L over all logits, which are overwritten.
float log_probability(const RowKernels& rows, std::span<float> logits, std::uint32_t token);

// rne(value * 2^30): the unit of logged sums.
std::int64_t log_probability_units(float value);
std::int64_t sum_of_units(std::span<const float> log_probabilities);

}  // namespace repro::train
