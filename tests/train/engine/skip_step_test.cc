// skip_step_adamw: when an update is left out, and what of it lies in the state.
#include "train/optim/skip_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "artifacts/base/error.h"
#include "tests/train/engine/small_training.h"
#include "train/optim/schedule.h"

namespace repro::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

manifests::OptimizerConfig rule(std::int64_t window, double sigma) {
  manifests::OptimizerConfig optimizer;
  optimizer.name = "skip_step_adamw";
  optimizer.skip_window = window;
  optimizer.skip_sigma = sigma;
  return optimizer;
}

TEST(SkipStep, FarAboveIsBeyondSigmaUnbiasedDeviations) {
  const std::vector<float> values = {0, 2, 4};  // mean 2, deviation sqrt(8 / 2)
  EXPECT_FALSE(is_far_above(values, 6, 2));
  EXPECT_TRUE(is_far_above(values, std::nextafter(6.0F, 9.0F), 2));
  EXPECT_FALSE(is_far_above(values, -100, 2));  // below is never far above
  EXPECT_FALSE(is_far_above(std::vector<float>(4, 2.0F), 2, 6));
  EXPECT_TRUE(is_far_above(std::vector<float>(4, 2.0F), 2.5F, 6));
  // Squares that overflow compare with nothing.
  EXPECT_FALSE(is_far_above(std::vector<float>{1, 3e38F}, 3e38F, 0));
}

TEST(SkipStep, HalfAWindowMustBeFilled) {
  const auto history = [](std::size_t count) {
    return StepHistory{std::vector<float>(count, 1.0F), std::vector<float>(count, 1.0F), 0};
  };
  EXPECT_FALSE(skips_update(rule(128, 6), history(63), 50, 1));
  EXPECT_TRUE(skips_update(rule(128, 6), history(64), 50, 1));
  EXPECT_TRUE(skips_update(rule(128, 6), history(64), 1, 50));
  EXPECT_FALSE(skips_update(rule(128, 6), history(64), 1, 1));
  EXPECT_FALSE(skips_update(rule(2, 6), history(1), 50, 1));  // one value has no deviation
  EXPECT_TRUE(skips_update(rule(2, 6), history(2), 50, 1));
}

TEST(SkipStep, AWindowForgetsTheOldest) {
  StepHistory history;
  for (int i = 0; i < 5; ++i) {
    const auto value = static_cast<float>(i);
    remember_step(rule(3, 6), value, 10 * value, i == 4, history);
  }
  EXPECT_THAT(history.losses, ElementsAre(2, 3, 4));
  EXPECT_THAT(history.gradient_norms, ElementsAre(20, 30, 40));
  EXPECT_EQ(history.skipped, 1);
  remember_step(rule(2, 6), 5, 50, false, history);  // a narrower window
  EXPECT_THAT(history.losses, ElementsAre(4, 5));
  EXPECT_EQ(history_value(1e300), std::numeric_limits<float>::max());
  EXPECT_EQ(history_value(0.1), 0.1F);
}

TEST(SkipStep, BiasCorrectionCountsUpdatesThatWereMade) {
  manifests::Config config;
  config.optimizer = rule(128, 6);
  config.optimizer.learning_rate = 0.001;
  config.schedule.name = "constant";
  EXPECT_EQ(update_constants(config, 7, 1, 3).correction1,
            update_constants(config, 4, 1).correction1);
  EXPECT_NE(update_constants(config, 7, 1).correction1, update_constants(config, 4, 1).correction1);
  config.optimizer.count_steps = false;
  EXPECT_EQ(update_constants(config, 7, 1, 3).correction2, static_cast<float>(1 - 0.95));
  EXPECT_EQ(update_constants(config, 1, 1).correction1, update_constants(config, 9, 1).correction1);
}

class SkipStepTraining : public SmallTraining {
 protected:
  SkipStepTraining() {
    config_.optimizer.name = "skip_step_adamw";
    config_.optimizer.skip_window = 4;
    config_.optimizer.skip_sigma = 0.5;
    config_.optimizer.learning_rate = 0.01;
  }

  static constexpr std::int64_t kSteps = 12;
};

TEST_F(SkipStepTraining, ASkippedStepLeavesWeightsAndMomentsAlone) {
  const auto trainer = make();
  std::vector<std::int64_t> skipped;
  Digest model = trainer->roots().model;
  for (std::int64_t i = 1; i <= kSteps; ++i) {
    const std::vector<float> moments(trainer->parameters().exp_avg_sq.span().begin(),
                                     trainer->parameters().exp_avg_sq.span().end());
    const logs::StepEvent event = trainer->step(true);
    const std::vector<float> after(trainer->parameters().exp_avg_sq.span().begin(),
                                   trainer->parameters().exp_avg_sq.span().end());
    EXPECT_EQ(event.skipped, *event.model_root == model) << i;
    EXPECT_EQ(event.skipped, after == moments) << i;
    EXPECT_EQ(logs::parse_step(logs::encode_step(event), "line"), event);
    if (event.skipped) skipped.push_back(i);
    model = *event.model_root;
  }
  ASSERT_FALSE(skipped.empty());
  EXPECT_GT(skipped.front(), 2);
  EXPECT_LT(skipped.size(), 10U);
  const StepHistory& history = trainer->cursor().history;
  EXPECT_EQ(history.losses.size(), 4U);
  EXPECT_EQ(history.skipped, static_cast<std::int64_t>(skipped.size()));
}

TEST_F(SkipStepTraining, NoVariantChangesABit) {
  filter();
  config_.loss.denominator = "positions";
  const std::vector<std::string> expected = lines(*make(), kSteps);
  EXPECT_THAT(expected, testing::Contains(HasSubstr("\"skipped\":true")));
  for (const Variant& variant : variants()) {
    EXPECT_EQ(lines(*make(variant), kSteps), expected) << variant.text();
  }
}

TEST_F(SkipStepTraining, GoesOnFromAnyStateWithTheSameBits) {
  const std::vector<std::string> expected = lines(*make(), kSteps);
  for (const Where where : {Where::cpu, Where::device}) {
    const auto first = make();
    for (std::int64_t at = 0; at < kSteps; at += 3) {
      const auto second = make({.begin = where});
      second->load(store_, save(*first));
      EXPECT_EQ(second->roots().state, first->roots().state);
      const std::vector<std::string> rest(expected.begin() + at, expected.end());
      EXPECT_EQ(lines(*second, kSteps - at), rest) << at;
      lines(*first, 3);
    }
  }
}

TEST_F(SkipStepTraining, WithoutASkipItIsAdamWAndItsHistoryIsInTheState) {
  config_.optimizer.skip_sigma = 1000;
  const auto skipping = make();
  config_.optimizer = manifests::OptimizerConfig{.learning_rate = 0.01};
  const auto plain = make();
  for (int i = 0; i < 6; ++i) {
    const logs::StepEvent a = skipping->step(true);
    const logs::StepEvent b = plain->step(true);
    EXPECT_EQ(a.model_root, b.model_root);
    EXPECT_NE(a.state_root, b.state_root);
  }
  EXPECT_TRUE(plain->cursor().history.empty());
}

TEST_F(SkipStepTraining, AdamWTakesItUpAndDropsIt) {
  const auto skipping = make();
  lines(*skipping, 5);
  const manifests::OptimizerConfig rule = config_.optimizer;
  config_.optimizer = manifests::OptimizerConfig{.learning_rate = 0.01};
  const auto plain = make();
  const Digest state = save(*skipping);
  plain->load(store_, state);
  EXPECT_EQ(plain->roots().state, skipping->roots().state);  // until the next step
  plain->step(false);
  EXPECT_TRUE(plain->cursor().history.empty());
  config_.optimizer = rule;
  const auto again = make();
  again->load(store_, save(*plain));
  again->step(false);
  EXPECT_EQ(again->cursor().history.losses.size(), 1U);
  // The same within one run, and with a narrower window.
  skipping->reconfigure(plain->config(), store_, dataset_);
  EXPECT_EQ(skipping->roots().state,
            compute_roots(skipping->parameters(), skipping->cursor(), parallel_).state);
  config_.optimizer.skip_window = 2;
  skipping->reconfigure(config_, store_, dataset_);
  EXPECT_EQ(skipping->cursor().history.losses.size(), 4U);
  skipping->step(false);
  EXPECT_EQ(skipping->cursor().history.losses.size(), 2U);
}

TEST_F(SkipStepTraining, AStepWithoutTargetsIsNotRemembered) {
  use_texts({std::string(600, 'a')});
  filter();
  config_.data.holdout_every = 0;
  config_.eval.every = 0;
  const auto trainer = make();
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(trainer->step(false).skipped);
  EXPECT_TRUE(trainer->cursor().history.empty());
}

// States that say of their history what cannot be.
TEST_F(SkipStepTraining, ABrokenHistoryIsRefused) {
  const auto trainer = make();
  lines(*trainer, 3);
  const auto failure = [&](const auto& damage) {
    Cursor cursor = trainer->cursor();
    damage(cursor);
    const SavedState saved = save_state(store_, trainer->parameters(), cursor, Digest{}, parallel_);
    try {
      make()->load(store_, saved.manifest);
    } catch (const Error& error) {
      return std::string(code_name(error.code())) + ": " + error.message();
    }
    return std::string();
  };
  EXPECT_EQ(failure([](Cursor&) {}), "");
  EXPECT_THAT(failure([](Cursor& cursor) { cursor.history.skipped = 4; }),
              HasSubstr("corruption: state "));
  EXPECT_THAT(failure([](Cursor& cursor) { cursor.history.skipped = -1; }),
              HasSubstr("trainer/skipped holds is not of a training"));
  EXPECT_THAT(failure([](Cursor& cursor) { cursor.history.losses[0] = NAN; }),
              HasSubstr("trainer/losses"));
  const auto renamed = [&](const std::string& from, const std::string& to) {
    manifests::State state = manifests::parse_state(store_.get(save(*trainer)), "state");
    for (manifests::StateTensor& tensor : state.tensors) {
      if (tensor.name == from) tensor.name = to;
    }
    std::ranges::sort(state.tensors, {}, &manifests::StateTensor::name);
    state.model_root = manifests::compute_model_root(state);
    state.state_root = manifests::compute_state_root(state);
    try {
      make()->load(store_, store_.put(manifests::encode_state(state)).digest);
    } catch (const Error& error) {
      return error.message();
    }
    return std::string();
  };
  EXPECT_THAT(
      renamed("trainer/losses", "trainer/other"),
      testing::AllOf(HasSubstr("extra trainer/gradient_norms"), HasSubstr("extra trainer/other")));
  EXPECT_THAT(renamed("trainer/skipped", "trainer/other"), HasSubstr("missing trainer/skipped"));
}

}  // namespace
}  // namespace repro::train
