// What does not fit on a device is refused before it is begun, with what would fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/device/emulated_device.h"
#include "train/models/olmo2_device.h"

namespace repro::train {
namespace {

manifests::Config small_config() {
  manifests::Config config;
  config.model.hidden_size = 32;
  config.model.num_layers = 2;
  config.model.num_heads = 2;
  config.model.num_kv_heads = 2;
  config.model.intermediate_size = 64;
  config.model.vocab_size = 300;
  config.data.sequence_length = 48;
  config.train.batch_size = 4;
  return config;
}

struct Sequences {
  std::vector<std::uint32_t> ids;
  MicroBatch batch;

  explicit Sequences(std::int64_t count, std::int64_t length = 48) {
    for (std::int64_t i = 0; i < count * length; ++i) {
      ids.push_back(static_cast<std::uint32_t>(i * 7 % 300));
    }
    batch.ids = ids;
    batch.sequences = count;
    batch.length = length;
    for (std::int64_t s = 0; s < count; ++s) {
      batch.groups.push_back({s * length, (s + 1) * length});
    }
  }
};

class DeviceMemoryOfAStep : public testing::Test {
 protected:
  DeviceMemoryOfAStep() : parameters_(config_.model) {
    Parallel parallel(1);
    parameters_.initialize(config_.model, 1, parallel);
  }

  // The error of one micro-batch on a device of so many bytes; empty if it went well.
  std::string trained(const MicroBatch& batch, std::int64_t bytes, std::int64_t* peak = nullptr) {
    auto device = std::make_unique<EmulatedDevice>(1, bytes);
    const EmulatedDevice& watched = *device;
    const auto backend = make_device_olmo2(config_, std::move(device), parameters_);
    UpdateConstants constants;
    constants.correction1 = constants.correction2 = constants.epsilon = 1;
    try {
      backend->refresh();
      for (std::int64_t step = 1; step <= 2; ++step) {
        backend->begin_step(step);
        backend->accumulate(batch);
        backend->update(constants, backend->gradient_norm(1));
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::environment);
      return std::string(error.what()) + "\n" + error.hint();
    }
    if (peak != nullptr) *peak = watched.peak_bytes();
    return "";
  }

  manifests::Config config_ = small_config();
  Parameters parameters_;
};

constexpr std::int64_t kHeadroom = std::int64_t{256} << 20;

TEST_F(DeviceMemoryOfAStep, ThePlanIsWhatAStepTakes) {
  for (const std::int64_t count : {1, 3}) {
    for (const bool recompute : {false, true}) {
      config_.run.recompute = recompute;
      const Sequences sequences(count);
      std::int64_t peak = 0;
      EXPECT_EQ(trained(sequences.batch, kEndlessMemory, &peak), "");
      const std::int64_t planned = device_bytes(config_, parameters_, sequences.batch);
      EXPECT_GE(planned, peak);
      EXPECT_LE(planned, peak + peak / 10);  // alignment
    }
  }
}

// All that a layer keeps but its input is there once.
TEST_F(DeviceMemoryOfAStep, RecomputingKeepsAnInputALayer) {
  const Sequences sequences(2);
  const auto layer_bytes = [&](bool recompute) {
    config_.run.recompute = recompute;
    const auto bytes = [&](std::int64_t layers) {
      config_.model.num_layers = layers;
      Parameters parameters(config_.model);
      const std::int64_t bytes_of_state = 20 * manifests::parameter_count(config_.model);
      return device_bytes(config_, parameters, sequences.batch) - bytes_of_state;
    };
    return bytes(3) - bytes(2);
  };
  const std::int64_t kept = layer_bytes(false);
  const std::int64_t recomputed = layer_bytes(true);
  const std::int64_t input = 2 * 48 * 32 * 4;
  EXPECT_GT(kept - recomputed, 10 * input);
  const std::int64_t operands = 4 * (4 * 32 * 32 + 3 * 32 * 64);  // of the weights
  EXPECT_NEAR(static_cast<double>(recomputed), static_cast<double>(input + operands), 4096);
}

TEST_F(DeviceMemoryOfAStep, WhatWouldFitIsSaid) {
  const Sequences four(4);
  const Sequences two(2);
  const std::int64_t free = device_bytes(config_, parameters_, two.batch) + kHeadroom;
  EXPECT_THAT(trained(four.batch, free),
              testing::AllOf(testing::HasSubstr("4 sequences of 48 tokens"),
                             testing::HasSubstr("--micro-batch 2 fits")));
  EXPECT_EQ(trained(two.batch, free), "");
}

TEST_F(DeviceMemoryOfAStep, WhatFitsRecomputedIsSaid) {
  const Sequences four(4);
  config_.run.recompute = true;
  const std::int64_t free = device_bytes(config_, parameters_, four.batch) + kHeadroom;
  EXPECT_EQ(trained(four.batch, free), "");
  config_.run.recompute = false;
  EXPECT_THAT(trained(four.batch, free),
              testing::HasSubstr("--micro-batch 4 with --recompute true, with the same bits"));
}

TEST_F(DeviceMemoryOfAStep, WhereNothingFitsThatIsSaid) {
  const Sequences two(2);
  EXPECT_THAT(trained(two.batch, kHeadroom), testing::HasSubstr("one sequence needs 0.3 GiB"));
}

}  // namespace
}  // namespace repro::train
