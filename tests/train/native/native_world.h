// A model small enough for every test of the native profile, and its training.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "manifests/config.h"
#include "train/engine/backends.h"
#include "train/models/backend.h"
#include "train/optim/schedule.h"

namespace repro::train {

inline manifests::Config small_config() {
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
  std::vector<float> state;  // at the end: weights, exp_avg, exp_avg_sq

  bool operator==(const Trajectory&) const = default;
};

// Weights, exp_avg, exp_avg_sq.
inline std::vector<float> all_values(const Parameters& parameters) {
  std::vector<float> values;
  for (const auto* buffer : {&parameters.weights, &parameters.exp_avg, &parameters.exp_avg_sq}) {
    values.insert(values.end(), buffer->data(), buffer->data() + buffer->size());
  }
  return values;
}

// The steps from `first` to `last`, all on one batch.
inline void run_steps(const manifests::Config& config, Backend& backend, std::int64_t first,
                      std::int64_t last, Trajectory& run) {
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 320; ++i) ids.push_back((i * i + i / 7) % 100);
  MicroBatch batch;
  batch.ids = ids;
  batch.sequences = 2;
  batch.length = 160;
  batch.groups = {{0, 160}, {160, 320}};
  std::vector<std::int32_t> begins(320, 0);
  std::fill(begins.begin() + 70, begins.begin() + 160, 70);  // two documents, and one
  if (config.data.mask_documents) batch.begins = begins;
  for (std::int64_t step = first; step <= last; ++step) {
    backend.begin_step(step);
    const LossSums sums = backend.accumulate(batch);
    run.losses.push_back(std::ldexp(static_cast<double>(sums.cross_entropy + sums.z_loss), -30) /
                         static_cast<double>(sums.targets));
    run.norms.push_back(backend.gradient_norm(sums.targets));
    backend.update(update_constants(config, step, sums.targets), run.norms.back());
  }
}

// On base.run.device.
inline Trajectory train(const manifests::Config& base, const std::string& profile,
                        std::int64_t steps, const std::string& dtype = "fp32") {
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
  Trajectory run;
  run_steps(config, *backend, 1, steps, run);
  backend->fetch();
  run.state = all_values(parameters);
  return run;
}

inline void expect_float_accuracy(const Trajectory& exact, const Trajectory& native) {
  EXPECT_NEAR(exact.losses[0], native.losses[0], 2e-4);
  EXPECT_NEAR(exact.norms[0] / native.norms[0], 1.0, 2e-3);
  for (std::size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(exact.losses[i], native.losses[i], 5e-3) << "step " << i + 1;
  }
  EXPECT_LT(native.losses.back(), native.losses.front() - 0.1);
}

// bfloat16 has 8 bits of significand: rounding errors of 2^-9 of an operand, averaged over a loss.
// They must be seen (a dtype that is not used would pass), and must not stop learning.
inline void expect_bf16_accuracy(const Trajectory& exact, const Trajectory& bf16) {
  EXPECT_NEAR(exact.losses[0], bf16.losses[0], 1e-2);
  EXPECT_GT(std::abs(exact.losses[0] - bf16.losses[0]), 1e-6);
  EXPECT_NEAR(exact.norms[0] / bf16.norms[0], 1.0, 2e-2);
  for (std::size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(exact.losses[i], bf16.losses[i], 5e-2) << "step " << i + 1;
  }
  EXPECT_LT(bf16.losses.back(), bf16.losses.front() - 0.1);
}

}  // namespace repro::train
