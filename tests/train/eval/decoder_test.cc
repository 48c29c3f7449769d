// Prefill = decode = any batch = any padding, bit for bit: the logits of a position are a function
// of the tokens up to it. Sequences of random lengths, around the attention's blocks of 128 above
// all, are cut into calls and batches in random ways; the reference is the forward pass of
// training on a padded batch.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>

#include "artifacts/base/error.h"
#include "tests/train/eval/tiny_model.h"
#include "train/models/olmo2_exact.h"
#include "train/numerics/functions.h"

namespace repro::train {
namespace {

using support::tiny_config;
using support::TinyModel;
using support::Tokens;
using LogitsOf = LanguageModel::LogitsOf;
using Logits = std::vector<std::vector<float>>;  // of each sequence, [length * V]

constexpr std::int64_t kPositions = 300;

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::size_t up_to(std::size_t last) {  // 0..last
    return std::uniform_int_distribution<std::size_t>(0, last)(engine_);
  }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_;
};

std::size_t random_length(Random& random) {
  static constexpr std::size_t kEdges[] = {1, 2, 127, 128, 129, 255, 256, 257, 300};
  if (random.up_to(1) == 0) return kEdges[random.up_to(std::size(kEdges) - 1)];
  return 1 + random.up_to(39);
}

std::vector<Tokens> random_sequences(Random& random, std::int64_t vocab) {
  std::vector<Tokens> sequences(1 + random.up_to(4));
  for (Tokens& tokens : sequences) {
    tokens.resize(random_length(random));
    for (auto& id : tokens) {
      id = static_cast<std::uint32_t>(random.up_to(static_cast<std::size_t>(vocab) - 1));
    }
  }
  return sequences;
}

// How many tokens each sequence gets in each call; 0: it is not in that call's batch.
using Plan = std::vector<std::vector<std::size_t>>;

Plan together(const std::vector<Tokens>& sequences) {
  Plan plan(1);
  for (const Tokens& tokens : sequences) plan[0].push_back(tokens.size());
  return plan;
}

Plan one_after_the_other(const std::vector<Tokens>& sequences) {
  Plan plan(sequences.size(), std::vector<std::size_t>(sequences.size(), 0));
  for (std::size_t i = 0; i < sequences.size(); ++i) plan[i][i] = sequences[i].size();
  return plan;
}

// `chunk` tokens of every sequence that has some left.
Plan in_chunks(const std::vector<Tokens>& sequences, std::size_t chunk) {
  Plan plan;
  for (std::size_t begin = 0;; begin += chunk) {
    std::vector<std::size_t> call;
    for (const Tokens& tokens : sequences) {
      call.push_back(begin < tokens.size() ? std::min(chunk, tokens.size() - begin) : 0);
    }
    if (std::accumulate(call.begin(), call.end(), std::size_t{0}) == 0) return plan;
    plan.push_back(std::move(call));
  }
}

// Any part of any sequences at any time: decode beside prefill.
Plan at_random(const std::vector<Tokens>& sequences, Random& random) {
  std::vector<std::size_t> left;
  for (const Tokens& tokens : sequences) left.push_back(tokens.size());
  Plan plan;
  while (std::accumulate(left.begin(), left.end(), std::size_t{0}) > 0) {
    std::vector<std::size_t> call;
    for (std::size_t& rest : left) {
      const std::size_t most = random.up_to(2) == 0 ? 1 : rest;
      const std::size_t count = random.up_to(std::min(rest, most));
      call.push_back(count);
      rest -= count;
    }
    plan.push_back(std::move(call));
  }
  return plan;
}

Logits decode(LanguageModel& model, const std::vector<Tokens>& sequences, const Plan& plan,
              Random& random) {
  const auto vocab = static_cast<std::size_t>(model.vocab_size());
  Logits logits;
  std::vector<std::int64_t> handles;
  for (const Tokens& tokens : sequences) {
    logits.emplace_back(tokens.size() * vocab, std::nanf(""));
    handles.push_back(model.open(static_cast<std::int64_t>(tokens.size())));
  }
  std::vector<std::size_t> seen(sequences.size(), 0);
  for (const std::vector<std::size_t>& call : plan) {
    std::vector<std::size_t> whose;
    for (std::size_t i = 0; i < call.size(); ++i) {
      if (call[i] > 0) whose.push_back(i);
    }
    std::shuffle(whose.begin(), whose.end(), random.engine());
    std::vector<LanguageModel::Extension> batch;
    for (const std::size_t i : whose) {
      batch.push_back(
          {handles[i], std::span(sequences[i]).subspan(seen[i], call[i]), LogitsOf::all});
      seen[i] += call[i];
    }
    model.extend(batch, [&](std::size_t item, std::int64_t position, std::span<float> row) {
      std::copy(row.begin(), row.end(),
                logits[whose[item]].begin() + position * static_cast<std::ptrdiff_t>(row.size()));
      std::fill(row.begin(), row.end(), 0.0F);  // it is the callee's to overwrite
    });
  }
  for (const std::int64_t handle : handles) model.close(handle);
  return logits;
}

bool same_bits(const Logits& a, const Logits& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return false;
    if (std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)) != 0) return false;
  }
  return true;
}

struct Setting {
  std::string kernels;
  int threads = 1;
};

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const KernelPath& path : available_paths()) {
    for (int threads = 1; threads <= 3; ++threads) all.push_back({std::string(path.name), threads});
  }
  return all;
}

std::string lengths_of(const std::vector<Tokens>& sequences) {
  std::string text = "lengths";
  for (const Tokens& tokens : sequences) text += " " + std::to_string(tokens.size());
  return text;
}

class DecoderTest : public testing::TestWithParam<std::uint32_t> {};

TEST_P(DecoderTest, GivesTheBitsOfTrainingHoweverSequencesAreCutAndBatched) {
  static constexpr std::pair<std::int64_t, std::int64_t> kHeads[] = {{4, 4}, {4, 2}, {3, 1}};
  const auto [heads, kv_heads] = kHeads[GetParam() % 3];
  manifests::Config config = tiny_config(heads, kv_heads, kPositions);
  config.model.norm = GetParam() % 4 == 1 ? "pre" : "post";
  config.model.qk_norm = GetParam() < 4;
  Random random(GetParam());
  const std::vector<Tokens> sequences = random_sequences(random, config.model.vocab_size);
  SCOPED_TRACE(lengths_of(sequences));
  const Logits expected = TinyModel(config, "scalar", 1).training_logits(sequences, 5);
  for (const Setting& setting : settings()) {
    SCOPED_TRACE(setting.kernels + ", " + std::to_string(setting.threads) + " threads");
    TinyModel model(config, setting.kernels, setting.threads);
    const auto check = [&](const Plan& plan, const char* what) {
      EXPECT_TRUE(same_bits(decode(*model.decoder, sequences, plan, random), expected)) << what;
    };
    EXPECT_TRUE(same_bits(model.training_logits(sequences, 17), expected)) << "other padding";
    check(together(sequences), "prefill, all together");
    check(one_after_the_other(sequences), "prefill, alone");
    check(in_chunks(sequences, 1 + random.up_to(99)), "prefill in chunks");
    check(in_chunks(sequences, 1), "decode");
    check(at_random(sequences, random), "at random");
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DecoderTest, testing::Range(0U, 6U));

// Against the trainer's own evaluation: the loss of a text is minus its log-likelihood, exactly.
TEST(Decoder, LogProbabilitiesAddUpToTheTrainersLoss) {
  const manifests::Config config = tiny_config(4, 2, kPositions);
  TinyModel model(config, "auto", 2);
  Random random(77);
  Tokens tokens(kPositions);
  for (auto& id : tokens) id = static_cast<std::uint32_t>(random.up_to(40));
  const auto backend = make_exact_olmo2(config, model.path, model.parallel, model.parameters);
  backend->refresh();
  MicroBatch batch;
  batch.ids = tokens;
  batch.sequences = 1;
  batch.length = kPositions;
  const LossSums loss = backend->evaluate(batch, nullptr);
  const Logits logits = decode(*model.decoder, {tokens}, in_chunks({tokens}, 33), random);
  std::int64_t units = 0;
  for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
    std::vector<float> row(logits[0].begin() + static_cast<std::ptrdiff_t>(t * 41),
                           logits[0].begin() + static_cast<std::ptrdiff_t>(t * 41 + 41));
    const float logit = row[tokens[t + 1]];
    const SoftmaxRowResult soft = model.path.rows->softmax_row(row.data(), 41);
    units += rne_scaled(static_cast<double>((logit - soft.max) - log32(soft.sum)), 30);
  }
  EXPECT_EQ(loss.targets, kPositions - 1);
  EXPECT_EQ(units, -loss.cross_entropy);
}

TEST(Decoder, GivesOnlyTheLogitsAskedFor) {
  TinyModel model(tiny_config(4, 4, 16), "auto", 1);
  const Tokens a = {1, 2, 3};
  const Tokens b = {4, 5};
  const Tokens c = {6};
  const std::int64_t first = model.decoder->open(3);
  const std::int64_t second = model.decoder->open(2);
  const std::int64_t third = model.decoder->open(1);
  std::vector<std::pair<std::size_t, std::int64_t>> given;
  model.decoder->extend(
      std::vector<LanguageModel::Extension>{
          {first, a, LogitsOf::last}, {second, b, LogitsOf::none}, {third, c, LogitsOf::all}},
      [&](std::size_t item, std::int64_t position, std::span<float>) {
        given.emplace_back(item, position);
      });
  std::sort(given.begin(), given.end());
  EXPECT_EQ(given, (std::vector<std::pair<std::size_t, std::int64_t>>{{0, 2}, {2, 0}}));
  EXPECT_EQ(model.decoder->length(first), 3);
  EXPECT_EQ(model.decoder->length(second), 2);
}

TEST(Decoder, RefusesTokensItCannotTakeAndChangesNothing) {
  TinyModel model(tiny_config(4, 4, 16), "auto", 1);
  const std::int64_t sequence = model.decoder->open(2);
  const auto extend = [&](const Tokens& tokens) {
    model.decoder->extend(std::vector<LanguageModel::Extension>{{sequence, tokens, LogitsOf::none}},
                          [](std::size_t, std::int64_t, std::span<float>) {});
  };
  EXPECT_THROW(extend({}), Error);
  EXPECT_THROW(extend({41}), Error);
  EXPECT_THROW(extend({1, 2, 3}), Error);
  EXPECT_EQ(model.decoder->length(sequence), 0);
  extend({1, 2});
  EXPECT_EQ(model.decoder->length(sequence), 2);
  EXPECT_THROW(extend({1}), Error);
}

}  // namespace
}  // namespace repro::train
