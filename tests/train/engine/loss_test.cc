// Which targets a step's loss has, and what it is divided by.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/train/engine/small_training.h"
#include "train/models/olmo2_exact.h"
#include "train/optim/adamw.h"
#include "train/optim/schedule.h"

namespace repro::train {
namespace {

class LossTest : public SmallTraining {
 protected:
  // Of batch `index`, how many sequences the filter leaves out.
  std::int64_t num_repetitive(std::int64_t index) {
    TokenStream stream(store_, dataset_);
    const SampleOrder order(plan_order(config_, dataset_));
    const auto flags =
        read_batch(stream, order, index).repetitive(RepetitionLimits::of(config_.data));
    return std::count(flags.begin(), flags.end(), true);
  }
};

TEST_F(LossTest, RepetitiveSequencesHaveNoTargets) {
  const logs::StepEvent all = make()->step(true);
  EXPECT_EQ(all.tokens, 4 * 31);
  filter();
  const auto trainer = make();
  std::int64_t left_out = 0;
  for (std::int64_t i = 0; i < 8; ++i) {
    const std::int64_t count = num_repetitive(i);
    const logs::StepEvent event = trainer->step(true);
    EXPECT_EQ(event.tokens, (4 - count) * 31);
    EXPECT_EQ(event.batch == all.batch, i == 0);
    left_out += count;
  }
  EXPECT_GT(left_out, 2);
  EXPECT_LT(left_out, 30);
}

TEST_F(LossTest, NoVariantChangesABit) {
  filter();
  const std::vector<std::string> expected = lines(*make(), 6);
  for (const Variant& variant : variants()) {
    EXPECT_EQ(lines(*make(variant), 6), expected) << variant.text();
  }
}

TEST_F(LossTest, HeldOutSequencesAlwaysCount) {
  const logs::EvalEvent all = make()->evaluate();
  config_.data.repetition_max_period = 1;
  config_.data.repetition_max_count = 3;
  EXPECT_EQ(make()->evaluate(), all);
}

TEST_F(LossTest, AStepWithoutTargetsIsAnUpdateWithoutGradient) {
  use_texts({std::string(600, 'a')});
  filter();
  config_.data.holdout_every = 0;
  config_.eval.every = 0;
  const auto trainer = make();
  const auto weights = trainer->parameters().weights.span();
  const std::vector<float> before(weights.begin(), weights.end());
  const logs::StepEvent event = trainer->step(true);
  EXPECT_EQ(event.tokens, 0);
  EXPECT_EQ(event.loss_sum, 0);
  EXPECT_EQ(event.z_loss_sum, 0);
  EXPECT_EQ(event.grad_norm, 0);
  EXPECT_EQ(logs::parse_step(logs::encode_step(event), "line"), event);
  // The weights decay, and nothing else happens to them.
  const Parameters& after = trainer->parameters();
  const UpdateConstants constants = update_constants(config_, 1, 1);
  for (const Parameter& tensor : after.tensors) {
    const float decay = decays(constants, tensor.role) ? constants.decay : 0;
    for (std::int64_t i = tensor.offset; i < tensor.offset + tensor.count; ++i) {
      const float weight = before[static_cast<std::size_t>(i)];
      ASSERT_EQ(after.weights[i], weight - decay * weight) << tensor.name;
      ASSERT_EQ(after.exp_avg[i], 0);
      ASSERT_EQ(after.exp_avg_sq[i], 0);
    }
  }
  for (const Variant& variant : variants()) {
    EXPECT_EQ(make(variant)->step(true), event) << variant.text();
  }
}

TEST_F(LossTest, PositionsDivideByThoseWithoutATargetToo) {
  filter();
  const logs::StepEvent mean = make()->step(true);
  config_.loss.denominator = "positions";
  const auto trainer = make();
  const logs::StepEvent event = trainer->step(true);
  EXPECT_LT(event.tokens, 4 * 31);
  EXPECT_EQ(event.tokens, mean.tokens);
  EXPECT_EQ(event.loss_sum, mean.loss_sum);  // what is logged stays a sum over targets
  EXPECT_NEAR(event.grad_norm * 128, mean.grad_norm * static_cast<double>(mean.tokens),
              1e-12 * event.grad_norm * 128);
  EXPECT_NE(event.state_root, mean.state_root);
  EXPECT_EQ(loss_divisor(config_, 7), 128);
  EXPECT_EQ(loss_divisor(config_, 0), 128);
  config_.loss.denominator = "targets";
  EXPECT_EQ(loss_divisor(config_, 7), 7);
  EXPECT_EQ(loss_divisor(config_, 0), 1);
}

// Two sequences of which the second is without loss, and the first alone.
TEST_F(LossTest, ASequenceWithoutLossGivesNoGradient) {
  Parameters parameters(config_.model);
  parameters.initialize(config_.model, 3, parallel_);
  const auto backend = make_exact_olmo2(config_, choose_path("scalar"), parallel_, parameters);
  backend->refresh();
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 64; ++i) ids.push_back(i < 32 ? i * i % 250 : i % 2);
  const auto gradient_of = [&](const MicroBatch& batch, LossSums& sums) {
    backend->begin_step(1);
    sums = backend->accumulate(batch);
    const std::int64_t* units = parameters.gradient.data();
    return std::vector<std::int64_t>(units, units + parameters.total());
  };
  MicroBatch both;
  both.ids = ids;
  both.sequences = 2;
  both.length = 32;
  both.groups = {{0, 32}, {32, 64}};
  both.without_loss = {false, true};
  MicroBatch first = both;
  first.ids = both.ids.first(32);
  first.sequences = 1;
  first.groups = {{0, 32}};
  first.without_loss = {};
  LossSums two;
  LossSums one;
  EXPECT_EQ(gradient_of(both, two), gradient_of(first, one));
  EXPECT_EQ(two.targets, 31);
  EXPECT_EQ(two.cross_entropy, one.cross_entropy);
  EXPECT_EQ(two.z_loss, one.z_loss);
  EXPECT_EQ(two.correct, one.correct);
  both.groups = {{0, 64}};  // one group: the digits of its columns are those of the first
  EXPECT_EQ(gradient_of(both, two), gradient_of(first, one));
}

}  // namespace
}  // namespace repro::train
