#include "manifests/model_shape.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

ModelConfig olmo2(std::int64_t hidden, std::int64_t layers, std::int64_t heads, std::int64_t kv,
                  std::int64_t intermediate) {
  ModelConfig model;
  model.hidden_size = hidden;
  model.num_layers = layers;
  model.num_heads = heads;
  model.num_kv_heads = kv;
  model.intermediate_size = intermediate;
  model.vocab_size = 100352;
  return model;
}

// Published sizes of OLMo 2.
TEST(ModelShape, CountsOfTheReleasedModels) {
  EXPECT_EQ(parameter_count(olmo2(2048, 16, 16, 16, 8192)), 1484916736);
  EXPECT_EQ(parameter_count(olmo2(4096, 32, 32, 32, 11008)), 7298617344);
  EXPECT_EQ(parameter_count(olmo2(5120, 40, 40, 40, 13824)), 13716198400);
  EXPECT_EQ(parameter_count(olmo2(5120, 64, 40, 8, 27648)), 32234279936);
}

TEST(ModelShape, NamesAreThoseOfHuggingFaceInBytewiseOrder) {
  ModelConfig model = sample_config().model;
  model.num_layers = 12;
  const auto shapes = parameter_shapes(model);
  EXPECT_EQ(shapes.size(), 3U + 12U * 11U);
  EXPECT_TRUE(std::is_sorted(shapes.begin(), shapes.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  const auto find = [&](const std::string& name) {
    return *std::find_if(shapes.begin(), shapes.end(),
                         [&](const auto& s) { return s.name == name; });
  };
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(find("lm_head.weight").shape, (Shape{258, 16}));
  EXPECT_EQ(find("lm_head.weight").role, TensorRole::head);
  EXPECT_EQ(find("model.embed_tokens.weight").role, TensorRole::embedding);
  EXPECT_EQ(find("model.norm.weight").shape, (Shape{16}));
  EXPECT_EQ(find("model.layers.10.self_attn.k_proj.weight").shape, (Shape{8, 16}));
  EXPECT_EQ(find("model.layers.10.self_attn.k_norm.weight").shape, (Shape{8}));
  EXPECT_EQ(find("model.layers.3.mlp.down_proj.weight").shape, (Shape{16, 24}));
  EXPECT_EQ(find("model.layers.3.mlp.up_proj.weight").shape, (Shape{24, 16}));
  EXPECT_EQ(find("model.layers.3.post_feedforward_layernorm.weight").role, TensorRole::norm);
}

std::vector<std::string> norms_of(const ModelConfig& model) {
  std::vector<std::string> names;
  for (const ParameterShape& shape : parameter_shapes(model)) {
    if (shape.role == TensorRole::norm) names.push_back(shape.name);
  }
  return names;
}

TEST(ModelShape, NormsOfTheOtherForms) {
  ModelConfig model = sample_config().model;
  model.num_layers = 1;
  model.norm = "pre";
  EXPECT_EQ(norms_of(model), (std::vector<std::string>{
                                 "model.layers.0.input_layernorm.weight",
                                 "model.layers.0.post_attention_layernorm.weight",
                                 "model.layers.0.self_attn.k_norm.weight",
                                 "model.layers.0.self_attn.q_norm.weight", "model.norm.weight"}));
  model.qk_norm = false;
  EXPECT_EQ(norms_of(model).size(), 3U);
  model.norm = "post";
  EXPECT_EQ(norms_of(model),
            (std::vector<std::string>{"model.layers.0.post_attention_layernorm.weight",
                                      "model.layers.0.post_feedforward_layernorm.weight",
                                      "model.norm.weight"}));
}

TEST(ModelShape, DeviationsOfFirstWeights) {
  ModelConfig model = olmo2(64, 4, 4, 4, 128);
  const auto deviation = [&](const std::string& name) {
    for (const ParameterShape& shape : parameter_shapes(model)) {
      if (shape.name == name) return shape.init_std;
    }
    return -1.0;
  };
  EXPECT_EQ(deviation("lm_head.weight"), 0.02);
  EXPECT_EQ(deviation("model.layers.3.mlp.down_proj.weight"), 0.02);
  EXPECT_EQ(deviation("model.norm.weight"), 0);
  model.init = "mitchell";
  EXPECT_EQ(deviation("lm_head.weight"), 0.125);
  EXPECT_EQ(deviation("model.embed_tokens.weight"), 0.125);
  EXPECT_EQ(deviation("model.layers.3.mlp.up_proj.weight"), 0.125);
  EXPECT_EQ(deviation("model.layers.1.self_attn.o_proj.weight"), 0.0625);  // 2 * 64 * 2
  EXPECT_EQ(deviation("model.layers.3.mlp.down_proj.weight"), 0.03125);    // 2 * 128 * 4
  EXPECT_EQ(deviation("model.norm.weight"), 0);
}

TEST(ModelShape, WorkAndMemoryOfTheReleasedModels) {
  const ModelConfig model = olmo2(4096, 32, 32, 32, 11008);
  // 6 x contracted parameters, and attention.
  const double contracted = 6.0 * (7298617344 - 100352.0 * 4096 - (32 * 4 + 1) * 4096.0);
  EXPECT_DOUBLE_EQ(flops_per_token(model, 4096), contracted + 6.0 * 32 * 4096 * 4096);
  EXPECT_EQ(checkpoint_bytes(model), 12 * 7298617344 + 16);
}

TEST(ModelShape, TrainingMemoryGrowsWithTheMicroBatchUpToTheBatch) {
  Config config = sample_config();
  const std::int64_t one = training_bytes(config);
  EXPECT_GT(one, checkpoint_bytes(config.model));
  config.run.micro_batch = 2;
  const std::int64_t two = training_bytes(config);
  EXPECT_GT(two, one);
  config.run.micro_batch = 64;
  EXPECT_EQ(training_bytes(config), two);
}

// olmo2-tiny-like numbers, by hand.
TEST(ModelShape, RecomputingKeepsALayersInputAndOneWholeLayer) {
  Config config = sample_config();
  config.run.recompute = true;
  const auto with_layers = [&](std::int64_t layers) {
    config.model.num_layers = layers;
    return training_bytes(config) - 24 * parameter_count(config.model);
  };
  const std::int64_t tokens = config.data.sequence_length;
  EXPECT_EQ(with_layers(3) - with_layers(2), tokens * 4 * config.model.hidden_size);
  config.run.recompute = false;
  const std::int64_t kept = with_layers(3) - with_layers(2);
  EXPECT_GT(kept, 10 * tokens * 4 * config.model.hidden_size);
  const std::int64_t one_layer = with_layers(1);
  config.run.recompute = true;
  EXPECT_EQ(with_layers(1), one_layer + tokens * 4 * config.model.hidden_size);
}

TEST(ModelShape, LargestAllowedModelDoesNotOverflow) {
  Config config = sample_config();
  config.model = olmo2(1 << 20, 4096, 2, 2, 1 << 23);
  config.model.vocab_size = 1 << 22;
  config.data.sequence_length = 1 << 20;
  config.train.batch_size = 16;
  config.run.micro_batch = 16;
  EXPECT_NO_THROW(check_config(config));
  EXPECT_GT(checkpoint_bytes(config.model), 0);
  EXPECT_GT(training_bytes(config), checkpoint_bytes(config.model));
}

}  // namespace
}  // namespace repro::manifests
