// The native profile: LibTorch's kernels compute the same model. Exact and native start from the
// same weights and see the same tokens, so their losses and gradients agree to float accuracy: an
// independent check of every formula of the exact model.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "train/engine/backends.h"
#include "train/optim/schedule.h"

namespace repro::train {
namespace {

manifests::Config small_config() {
  manifests::Config config;
  config.model.hidden_size = 64;
  config.model.num_layers = 2;
  config.model.num_heads = 4;
  config.model.num_kv_heads = 2;
  config.model.intermediate_size = 96;
  config.model.vocab_size = 100;
  config.model.init_std = 0.05;
  config.data.sequence_length = 160;  // more than one block of 128 keys
  config.train.batch_size = 2;
  config.train.steps = 20;
  config.optimizer.learning_rate = 0.003;
  config.schedule.warmup_steps = 2;
  config.loss.z_loss = 0.001;
  return config;
}

struct Trajectory {
  std::vector<double> losses;
  std::vector<double> norms;
};

Trajectory train(const manifests::Config& base, const std::string& profile, std::int64_t steps,
                 const std::string& dtype = "fp32") {
  manifests::Config config = base;
  config.profile = profile;
  config.native.dtype = dtype;
  Parallel parallel(1);
  Parameters parameters(config.model);
  parameters.initialize(config.model, 3, parallel);
  Machine machine;
  machine.parallel = &parallel;
  const auto backend = make_backend(config, machine, parameters);
  backend->refresh();
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 320; ++i) ids.push_back((i * i + i / 7) % 100);
  MicroBatch batch;
  batch.ids = ids;
  batch.sequences = 2;
  batch.length = 160;
  batch.groups = {{0, 160}, {160, 320}};
  Trajectory run;
  for (std::int64_t step = 1; step <= steps; ++step) {
    backend->begin_step(step);
    const LossSums sums = backend->accumulate(batch);
    run.losses.push_back(std::ldexp(static_cast<double>(sums.cross_entropy + sums.z_loss), -30) /
                         static_cast<double>(sums.targets));
    run.norms.push_back(backend->update(update_constants(config, step, sums.targets)));
  }
  return run;
}

TEST(Native, AgreesWithExactToFloatAccuracy) {
  const Trajectory exact = train(small_config(), "exact", 20);
  const Trajectory native = train(small_config(), "native", 20);
  EXPECT_NEAR(exact.losses[0], native.losses[0], 2e-4);
  EXPECT_NEAR(exact.norms[0] / native.norms[0], 1.0, 2e-3);
  for (std::size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(exact.losses[i], native.losses[i], 5e-3) << "step " << i + 1;
  }
  EXPECT_LT(native.losses.back(), native.losses.front() - 0.1);
}

// bfloat16 has 8 bits of significand: rounding errors of 2^-9 of an operand, averaged over a loss.
// They must be seen (a dtype that is not used would pass), and must not stop learning.
TEST(Native, Bf16AgreesWithExactToBfloat16Accuracy) {
  const Trajectory exact = train(small_config(), "exact", 20);
  const Trajectory bf16 = train(small_config(), "native", 20, "bf16");
  EXPECT_NEAR(exact.losses[0], bf16.losses[0], 1e-2);
  EXPECT_GT(std::abs(exact.losses[0] - bf16.losses[0]), 1e-6);
  EXPECT_NEAR(exact.norms[0] / bf16.norms[0], 1.0, 2e-2);
  for (std::size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(exact.losses[i], bf16.losses[i], 5e-2) << "step " << i + 1;
  }
  EXPECT_LT(bf16.losses.back(), bf16.losses.front() - 0.1);
}

TEST(Native, Bf16TwiceGivesTheSameBits) {
  const Trajectory first = train(small_config(), "native", 3, "bf16");
  const Trajectory second = train(small_config(), "native", 3, "bf16");
  EXPECT_EQ(first.losses, second.losses);
  EXPECT_EQ(first.norms, second.norms);
}

TEST(Native, TwiceGivesTheSameBits) {
  const Trajectory first = train(small_config(), "native", 3);
  const Trajectory second = train(small_config(), "native", 3);
  EXPECT_EQ(first.losses, second.losses);
  EXPECT_EQ(first.norms, second.norms);
}

TEST(Native, NamesWhatItsPromiseDependsOn) {
  const auto held = held_constant("native", 2);
  EXPECT_EQ(held.at("threads"), "2");
  EXPECT_FALSE(held.at("libtorch").empty());
  EXPECT_TRUE(held_constant("exact", 2).empty());
}

}  // namespace
}  // namespace repro::train
