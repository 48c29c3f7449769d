// The forms that a recipe can give the model (model.norm, qk_norm, init): on a device they have the
// bits of the CPU, and their first weights the deviations that they promise.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/device/emulated_device.h"
#include "train/models/olmo2_device.h"
#include "train/models/olmo2_exact.h"

namespace repro::train {
namespace {

struct Form {
  std::string norm = "post";
  bool qk_norm = true;
  std::string init = "normal";
};

manifests::Config config_of(const Form& form) {
  manifests::Config config;
  config.model.hidden_size = 48;
  config.model.num_layers = 2;
  config.model.num_heads = 4;
  config.model.num_kv_heads = 2;
  config.model.intermediate_size = 80;
  config.model.vocab_size = 90;
  config.model.norm = form.norm;
  config.model.qk_norm = form.qk_norm;
  config.model.init = form.init;
  config.data.sequence_length = 150;  // more than one block of 128 positions
  config.train.batch_size = 2;
  return config;
}

// Weights and moments after two steps.
std::vector<float> trained(const manifests::Config& config, bool on_device) {
  Parallel parallel(2);
  Parameters parameters(config.model);
  parameters.initialize(config.model, 3, parallel);
  const auto backend =
      on_device ? make_device_olmo2(config, std::make_unique<EmulatedDevice>(), parameters)
                : make_exact_olmo2(config, choose_path("auto"), parallel, parameters);
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 300; ++i) ids.push_back((i * i + i / 5) % 90);
  MicroBatch batch;
  batch.ids = ids;
  batch.sequences = 2;
  batch.length = 150;
  batch.groups = {{0, 150}, {150, 300}};
  backend->refresh();
  for (std::int64_t step = 1; step <= 2; ++step) {
    backend->begin_step(step);
    const LossSums sums = backend->accumulate(batch);
    EXPECT_EQ(sums.targets, 298);
    UpdateConstants constants;
    constants.normalizer = 298;
    constants.correction1 = constants.correction2 = 0.1F;
    constants.one_minus_beta1 = constants.one_minus_beta2 = 0.1F;
    constants.learning_rate = 0.01F;
    constants.epsilon = 1e-8F;
    backend->update(constants, backend->gradient_norm(298));
  }
  backend->fetch();
  std::vector<float> values(parameters.weights.span().begin(), parameters.weights.span().end());
  values.insert(values.end(), parameters.exp_avg.span().begin(), parameters.exp_avg.span().end());
  return values;
}

class Forms : public testing::TestWithParam<Form> {};

TEST_P(Forms, HaveTheBitsOfTheCpuOnADevice) {
  const manifests::Config config = config_of(GetParam());
  const std::vector<float> expected = trained(config, false);
  EXPECT_TRUE(expected == trained(config, true));
  if (GetParam().norm == "pre" || !GetParam().qk_norm || GetParam().init != "normal") {
    EXPECT_FALSE(expected == trained(config_of({}), false));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Forms,
                         testing::Values(Form{}, Form{.norm = "pre"}, Form{.qk_norm = false},
                                         Form{.norm = "pre", .qk_norm = false},
                                         Form{.init = "mitchell"}));

TEST(Documents, AreNotComputedOnADeviceYet) {
  manifests::Config config = config_of({});
  config.data.mask_documents = true;
  Parameters parameters(config.model);
  try {
    make_device_olmo2(config, std::make_unique<EmulatedDevice>(), parameters);
    ADD_FAILURE() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::unsupported);
  }
}

double deviation(const Parameters& parameters, const std::string& name) {
  const Parameter& tensor = parameters.at(name);
  double squares = 0;
  for (std::int64_t i = 0; i < tensor.count; ++i) {
    const double value = parameters.weights[tensor.offset + i];
    squares += value * value;
  }
  return std::sqrt(squares / static_cast<double>(tensor.count));
}

// A normal cut at three deviations has 0.9866 of its deviation.
TEST(FirstWeights, OfMitchellHaveTheDeviationsOfWidthAndDepth) {
  manifests::Config config = config_of({.init = "mitchell"});
  config.model.hidden_size = 256;
  config.model.intermediate_size = 640;
  Parallel parallel(1);
  Parameters parameters(config.model);
  parameters.initialize(config.model, 5, parallel);
  const auto expect = [&](const std::string& name, double inputs) {
    EXPECT_NEAR(deviation(parameters, name) * std::sqrt(inputs), 0.9866, 0.02) << name;
  };
  expect("model.embed_tokens.weight", 256);
  expect("lm_head.weight", 256);
  for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                           "mlp.gate_proj", "mlp.up_proj"}) {
    expect(std::string("model.layers.1.") + name + ".weight", 256);
  }
  expect("model.layers.0.self_attn.o_proj.weight", 2 * 256);
  expect("model.layers.1.self_attn.o_proj.weight", 4 * 256);
  expect("model.layers.0.mlp.down_proj.weight", 2 * 640);
  expect("model.layers.1.mlp.down_proj.weight", 4 * 640);
}

}  // namespace
}  // namespace repro::train
