// The operator sample/1 (docs/arithmetic.md, "Sampling"); its golden vectors are in
// tests/conformance.
#include "train/eval/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/kernels/paths.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

// `count` words, evenly spread.
std::vector<std::uint64_t> even_words(std::uint64_t count) {
  std::vector<std::uint64_t> words;
  for (std::uint64_t i = 0; i < count; ++i) words.push_back(i * (~std::uint64_t{0} / count));
  return words;
}

std::vector<int> counts_of(const std::vector<float>& logits, const SamplingRule& rule,
                           std::uint64_t words = 1000) {
  std::vector<int> counts(logits.size());
  for (const std::uint64_t word : even_words(words)) {
    ++counts.at(choose_token(logits, rule, word));
  }
  return counts;
}

std::set<std::size_t> drawn(const std::vector<float>& logits, const SamplingRule& rule) {
  std::set<std::size_t> ids;
  const std::vector<int> counts = counts_of(logits, rule, 100000);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) ids.insert(i);
  }
  return ids;
}

TEST(Sampling, WorkedVectors) {
  std::vector<float> logits = {0.5F, 2, -1};
  EXPECT_EQ(to_bits(log_probability(scalar_row_kernels(), logits, 0)), 0xBFDEE34AU);
  EXPECT_EQ(sampling_word(42, 3, 17), 0x52A9DBADA8538614U);
}

TEST(Sampling, SharesAreThoseOfTheSoftmax) {
  const std::vector<float> logits = {1, -0.5F, 2, 0.25F};
  for (const float temperature : {1.0F, 0.5F, 3.0F}) {
    SamplingRule rule;
    rule.temperature = temperature;
    double total = 0;
    for (const float logit : logits) total += std::exp((logit - 2) / temperature);
    const std::vector<int> counts = counts_of(logits, rule, 10000);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double share = std::exp((logits[i] - 2) / temperature) / total;
      EXPECT_NEAR(counts[i], 10000 * share, 1.5) << i << " at " << temperature;
    }
  }
}

TEST(Sampling, TemperatureZeroTakesTheFirstMaximum) {
  SamplingRule rule;
  rule.temperature = 0;
  EXPECT_EQ(choose_token(std::vector<float>{1, 3, 3, 2}, rule, ~std::uint64_t{0}), 1U);
  EXPECT_EQ(choose_token(std::vector<float>{-1, -0.0F, 0.0F}, rule, 0), 1U);
}

TEST(Sampling, TopKAndTopPKeepTheLikeliestAndEqualOnesBySmallerId) {
  const std::vector<float> logits = {0, 2, 2, 1, 2};
  const auto keeps = [&](std::int64_t top_k, const char* top_p) {
    return drawn(logits, make_sampling_rule("", top_k, top_p));
  };
  EXPECT_EQ(keeps(0, ""), (std::set<std::size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(keeps(2, ""), (std::set<std::size_t>{1, 2}));
  EXPECT_EQ(keeps(4, ""), (std::set<std::size_t>{1, 2, 3, 4}));
  EXPECT_EQ(keeps(9, "1"), (std::set<std::size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(keeps(0, "0.5"), (std::set<std::size_t>{1, 2}));
  EXPECT_EQ(keeps(0, "1e-300"), (std::set<std::size_t>{1}));
  EXPECT_EQ(keeps(3, "0.67"), (std::set<std::size_t>{1, 2, 4}));
  EXPECT_EQ(keeps(2, "0.5"), (std::set<std::size_t>{1}));  // half of the mass of two
}

TEST(Sampling, OnlyCandidatesAreDrawn) {
  SamplingRule rule;
  rule.candidates = 2;
  EXPECT_EQ(drawn({0, 1, 50}, rule), (std::set<std::size_t>{0, 1}));
  rule.candidates = 7;
  EXPECT_EQ(drawn({0, 0, 0}, rule), (std::set<std::size_t>{0, 1, 2}));
}

TEST(Sampling, RulesThatAreNoneAreRefused) {
  const auto refused = [](const char* temperature, std::int64_t top_k, const char* top_p) {
    try {
      make_sampling_rule(temperature, top_k, top_p);
    } catch (const Error& error) {
      return error.code() == Code::invalid_argument && !error.hint().empty();
    }
    return false;
  };
  for (const char* text : {"-1", "nan", "inf", "1e39", "hot", " ", "1 "}) {
    EXPECT_TRUE(refused(text, 0, "")) << text;
  }
  for (const char* text : {"0", "-0.5", "1.0000001", "nan", "inf", "p"}) {
    EXPECT_TRUE(refused("", 0, text)) << text;
  }
  EXPECT_TRUE(refused("", -1, ""));
  EXPECT_EQ(make_sampling_rule("1e-60", 0, "").temperature, 0.0F);
  EXPECT_EQ(make_sampling_rule("", 0, "1e-300").top_p, 1);
  EXPECT_EQ(make_sampling_rule("", 0, "1").top_p, kWholeMass);
}

TEST(Sampling, WordsDifferBySeedSequenceAndPosition) {
  std::set<std::uint64_t> words;
  for (const std::uint64_t seed : {0ULL, 1ULL}) {
    for (const std::uint64_t sequence : {0ULL, 1ULL, 1ULL << 32}) {
      for (const std::uint64_t position : {0ULL, 1ULL, 1ULL << 32}) {
        words.insert(sampling_word(seed, sequence, position));
      }
    }
  }
  EXPECT_EQ(words.size(), 18U);
}

TEST(Sampling, LogProbabilitiesAreTheSameOnEveryPath) {
  std::vector<float> logits;
  for (int i = 0; i < 101; ++i) logits.push_back(std::ldexp(static_cast<float>(i % 17 - 8), i % 5));
  for (std::uint32_t token = 0; token < 101; token += 25) {
    std::vector<float> row = logits;
    const float expected = log_probability(scalar_row_kernels(), row, token);
    for (const KernelPath& path : available_paths()) {
      row = logits;
      EXPECT_EQ(to_bits(log_probability(*path.rows, row, token)), to_bits(expected)) << path.name;
    }
  }
}

}  // namespace
}  // namespace repro::train
