// The native profile's inference against its training: what a text's log-probabilities add up to is
// the loss that the backend evaluates, however the text is cut into calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "artifacts/base/error.h"
#include "tests/train/native/native_world.h"
#include "train/native/olmo2_native.h"
#include "train/native/olmo2_native_decoder.h"

namespace repro::train {
namespace {

using testing::HasSubstr;
using LogitsOf = LanguageModel::LogitsOf;
using Tokens = std::vector<std::uint32_t>;

constexpr std::size_t kLength = 160;
constexpr std::size_t kVocab = 100;

struct Form {
  std::int64_t kv_heads = 2;
  std::string norm = "post";
  bool qk_norm = true;
  std::string dtype = "fp32";
};

manifests::Config config_of(const Form& form) {
  manifests::Config config = small_config();
  config.profile = "native";
  config.model.num_kv_heads = form.kv_heads;
  config.model.norm = form.norm;
  config.model.qk_norm = form.qk_norm;
  config.native.dtype = form.dtype;
  return config;
}

Tokens text(std::uint32_t seed) {
  Tokens tokens;
  for (std::uint32_t i = 0; i < kLength; ++i) tokens.push_back((i * i * seed + i / 7) % kVocab);
  return tokens;
}

struct World {
  explicit World(const Form& form) : config(config_of(form)), parameters(config.model) {
    parameters.initialize(config.model, 3, parallel);
    for (const Parameter& tensor : parameters.tensors) {
      if (tensor.shape.size() != 1) continue;  // gains of one would hide a norm that is left out
      for (std::int64_t i = 0; i < tensor.count; ++i) {
        parameters.weights.data()[tensor.offset + i] = 0.5F + static_cast<float>(i % 11) / 10;
      }
    }
    model = make_native_olmo2_decoder(config, 1, parameters);
  }

  // In nats, as the backend of training has it.
  double loss(const Tokens& tokens) {
    const auto backend = make_native_olmo2(config, 1, parameters, NativeState::shared);
    MicroBatch batch;
    batch.ids = tokens;
    batch.sequences = 1;
    batch.length = static_cast<std::int64_t>(tokens.size());
    return std::ldexp(static_cast<double>(backend->evaluate(batch, nullptr).cross_entropy), -30);
  }

  manifests::Config config;
  Parallel parallel{1};
  Parameters parameters;
  std::unique_ptr<LanguageModel> model;
};

// [length][V], the text given `chunk` tokens at a time.
std::vector<std::vector<float>> logits_of(LanguageModel& model, const Tokens& tokens,
                                          std::size_t chunk) {
  std::vector<std::vector<float>> logits(tokens.size());
  const std::int64_t sequence = model.open(static_cast<std::int64_t>(tokens.size()));
  for (std::size_t begin = 0; begin < tokens.size(); begin += chunk) {
    const std::size_t count = std::min(chunk, tokens.size() - begin);
    model.extend(
        std::vector<LanguageModel::Extension>{
            {sequence, std::span(tokens).subspan(begin, count), LogitsOf::all}},
        [&](std::size_t item, std::int64_t position, std::span<float> row) {
          EXPECT_EQ(item, 0U);
          logits.at(static_cast<std::size_t>(position)).assign(row.begin(), row.end());
          std::fill(row.begin(), row.end(), 0.0F);  // it is the callee's to overwrite
        });
  }
  model.close(sequence);
  return logits;
}

double loss_of(const std::vector<std::vector<float>>& logits, const Tokens& tokens) {
  double loss = 0;
  for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
    double sum = 0;
    for (const float logit : logits[t]) sum += std::exp(static_cast<double>(logit));
    loss += std::log(sum) - static_cast<double>(logits[t][tokens[t + 1]]);
  }
  return loss;
}

double largest_difference(const std::vector<std::vector<float>>& a,
                          const std::vector<std::vector<float>>& b) {
  double largest = 0;
  for (std::size_t t = 0; t < a.size(); ++t) {
    if (a[t].size() != kVocab || b[t].size() != kVocab) {
      return std::numeric_limits<double>::infinity();
    }
    for (std::size_t i = 0; i < kVocab; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(a[t][i]) - b[t][i]));
    }
  }
  return largest;
}

TEST(NativeDecoder, ScoresAddUpToTheLossOfTraining) {
  const Form forms[] = {{2, "post", true},       {4, "post", true}, {1, "post", false},
                        {2, "pre", true},        {4, "pre", false}, {2, "post", true, "bf16"},
                        {1, "pre", true, "bf16"}};
  for (const Form& form : forms) {
    SCOPED_TRACE(form.norm + (form.qk_norm ? " with" : " without") + " qk_norm, " +
                 std::to_string(form.kv_heads) + " kv heads, " + form.dtype);
    const bool bf16 = form.dtype == "bf16";
    World world(form);
    const Tokens tokens = text(1);
    const auto whole = logits_of(*world.model, tokens, kLength);
    const double loss = world.loss(tokens);
    EXPECT_NEAR(loss_of(whole, tokens) / loss, 1, bf16 ? 1e-4 : 1e-6);
    for (const std::size_t chunk : {1, 7, 64}) {
      const auto cut = logits_of(*world.model, tokens, chunk);
      EXPECT_LT(largest_difference(whole, cut), bf16 ? 5e-2 : 2e-5) << "chunks of " << chunk;
    }
    const Tokens other = text(3);
    EXPECT_GT(largest_difference(whole, logits_of(*world.model, other, kLength)), 0.1);
  }
}

TEST(NativeDecoder, Bf16IsComputedIn) {
  World fp32(Form{});
  World bf16(Form{2, "post", true, "bf16"});
  const double difference = largest_difference(logits_of(*fp32.model, text(1), kLength),
                                               logits_of(*bf16.model, text(1), kLength));
  EXPECT_GT(difference, 1e-4);
  EXPECT_LT(difference, 0.1);
}

TEST(NativeDecoder, WhatSharesABatchChangesNoBit) {
  World world(Form{});
  const Tokens tokens[] = {text(1), text(2), text(3)};
  std::vector<std::vector<float>> last(3);
  std::vector<LanguageModel::Extension> batch;
  for (const Tokens& each : tokens) {
    batch.push_back({world.model->open(kLength), std::span(each).first(40), LogitsOf::last});
  }
  const auto take = [&](std::size_t item, std::int64_t position, std::span<float> row) {
    EXPECT_EQ(position, 39);
    last.at(item).assign(row.begin(), row.end());
  };
  world.model->extend(batch, take);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::int64_t alone = world.model->open(40);
    world.model->extend(
        std::vector<LanguageModel::Extension>{
            {alone, std::span(tokens[i]).first(40), LogitsOf::last}},
        [&](std::size_t, std::int64_t, std::span<float> row) {
          EXPECT_TRUE(std::equal(row.begin(), row.end(), last[i].begin()));
        });
    world.model->close(alone);
  }
  EXPECT_NE(last[0], last[1]);
}

TEST(NativeDecoder, GivesOnlyTheLogitsAskedFor) {
  World world(Form{});
  const Tokens tokens = text(1);
  const std::int64_t first = world.model->open(3);
  const std::int64_t second = world.model->open(2);
  std::vector<std::pair<std::size_t, std::int64_t>> given;
  world.model->extend(
      std::vector<LanguageModel::Extension>{{first, std::span(tokens).first(3), LogitsOf::last},
                                            {second, std::span(tokens).first(2), LogitsOf::none}},
      [&](std::size_t item, std::int64_t position, std::span<float>) {
        given.emplace_back(item, position);
      });
  EXPECT_THAT(given, testing::ElementsAre(testing::Pair(0U, 2)));
  EXPECT_EQ(world.model->length(first), 3);
  EXPECT_EQ(world.model->length(second), 2);
}

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    return error.message();
  }
  return "";
}

TEST(NativeDecoder, RefusesTokensItCannotTakeAndChangesNothing) {
  World world(Form{});
  const std::int64_t sequence = world.model->open(2);
  const auto extend = [&](const Tokens& tokens) {
    return refusal([&] {
      world.model->extend(std::vector<LanguageModel::Extension>{{sequence, tokens, LogitsOf::none}},
                          [](std::size_t, std::int64_t, std::span<float>) {});
    });
  };
  EXPECT_THAT(extend({}), HasSubstr("no tokens"));
  EXPECT_THAT(extend({kVocab}), HasSubstr("id 100 is outside the model's vocabulary of 100"));
  EXPECT_THAT(extend({1, 2, 3}), HasSubstr("has room for 2 more, not 3"));
  EXPECT_EQ(world.model->length(sequence), 0);
  EXPECT_EQ(extend({1, 2}), "");
  EXPECT_THAT(extend({1}), HasSubstr("has room for 0 more, not 1"));
}

TEST(NativeDecoder, RefusesLogitsThatAreNotFinite) {
  World world(Form{});
  const Parameter& head = world.parameters.at("lm_head.weight");
  world.parameters.weights.data()[head.offset] = std::numeric_limits<float>::infinity();
  const auto message = refusal([&] { logits_of(*world.model, text(1), kLength); });
  EXPECT_THAT(message, HasSubstr("non-finite logits"));
}

}  // namespace
}  // namespace repro::train
