// The old trainer's tensors as ours: names, splits, moments, counters.
#include "imports/olmo_checkpoint.h"

#include <gmock/gmock.h>

#include <cstring>
#include <deque>

#include "artifacts/base/error.h"
#include "manifests/model_shape.h"
#include "tests/imports/torch_bytes.h"

namespace repro::imports_test {
namespace {

using imports::OlmoCheckpoint;
using imports::StoredTensor;
using testing::ElementsAre;
using testing::HasSubstr;

manifests::ModelConfig small_model() {
  manifests::ModelConfig model;
  model.hidden_size = 4;
  model.num_layers = 2;
  model.num_heads = 2;
  model.num_kv_heads = 1;
  model.intermediate_size = 3;
  model.vocab_size = 8;
  return model;
}

std::int64_t count_of(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t dimension : shape) count *= dimension;
  return count;
}

class OlmoCheckpointTest : public testing::Test {
 protected:
  // Element i of the n-th tensor is 1000 n + i + `add`.
  StoredTensor tensor(std::vector<std::string> keys, const std::vector<std::int64_t>& shape,
                      float add) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < count_of(shape); ++i) {
      values.push_back(static_cast<float>(1000 * number_ + i) + add);
    }
    ++number_;
    return keep(std::move(keys), "float32", shape, std::as_bytes(std::span(values)));
  }
  StoredTensor keep(std::vector<std::string> keys, const std::string& dtype,
                    const std::vector<std::int64_t>& shape, std::span<const std::byte> bytes) {
    bytes_.emplace_back(bytes.begin(), bytes.end());
    StoredTensor made;
    made.keys = std::move(keys);
    made.dtype = dtype;
    made.shape = shape;
    made.strides.assign(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;) made.strides[i - 1] = made.strides[i] * shape[i];
    made.storage = bytes_.back();
    return made;
  }
  std::vector<StoredTensor> weights() {
    number_ = 0;
    std::vector<StoredTensor> list;
    for (const auto& item : imports::olmo_layout(small_model())) {
      list.push_back(tensor({item.name}, item.shape, 0));
    }
    return list;
  }
  std::vector<StoredTensor> optimizer(float step, bool numbered = false) {
    std::vector<StoredTensor> list;
    int index = 0;
    for (const auto& item : imports::olmo_layout(small_model())) {
      const std::string key = numbered ? std::to_string(index++) : item.name;
      list.push_back(tensor({"state", key, "exp_avg"}, item.shape, 0.25F));
      list.push_back(tensor({"state", key, "exp_avg_sq"}, item.shape, 0.5F));
      list.push_back(
          keep({"state", key, "step"}, "float32", {}, std::as_bytes(std::span(&step, 1))));
    }
    return list;
  }

  std::deque<std::vector<std::byte>> bytes_;
  int number_ = 0;
};

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return std::string(code_name(error.code())) + ": " + error.message();
  }
  return "";
}

std::map<std::string, std::vector<float>> collect(const OlmoCheckpoint& checkpoint) {
  std::map<std::string, std::vector<float>> found;
  checkpoint.for_each([&](const manifests::NamedShape& shape, std::span<const std::byte> bytes) {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    EXPECT_EQ(static_cast<std::int64_t>(values.size()), count_of(shape.shape));
    found[shape.name] = values;
  });
  return found;
}

TEST_F(OlmoCheckpointTest, LayoutHasEveryTensorOnce) {
  std::set<std::string> names;
  std::map<std::string, std::vector<std::int64_t>> old;
  for (const auto& item : imports::olmo_layout(small_model())) {
    old[item.name] = item.shape;
    for (const auto& part : item.parts) names.insert(part.name);
  }
  EXPECT_EQ(names.size(), manifests::parameter_shapes(small_model()).size());
  EXPECT_EQ(old.size(), 3U + 2 * 8);
  EXPECT_THAT(old.at("transformer.blocks.1.att_proj.weight"), ElementsAre(4 + 2 + 2, 4));
  EXPECT_THAT(old.at("transformer.blocks.0.ff_proj.weight"), ElementsAre(6, 4));
  EXPECT_THAT(old.at("transformer.blocks.0.ff_out.weight"), ElementsAre(4, 3));
  EXPECT_THAT(old.at("transformer.ff_out.weight"), ElementsAre(8, 4));
}

TEST_F(OlmoCheckpointTest, LayoutOfAblationsHasEveryTensorOnceToo) {
  for (const char* norm : {"post", "pre"}) {
    for (const bool qk_norm : {false, true}) {
      manifests::ModelConfig model = small_model();
      model.norm = norm;
      model.qk_norm = qk_norm;
      std::map<std::string, std::string> found;
      for (const auto& item : imports::olmo_layout(model)) {
        for (const auto& part : item.parts) found[part.name] = item.name;
      }
      EXPECT_EQ(found.size(), manifests::parameter_shapes(model).size());
      EXPECT_EQ(found.at("model.layers.1.post_attention_layernorm.weight"),
                std::string("transformer.blocks.1.") +
                    (model.norm == "pre" ? "ff_norm" : "attn_norm") + ".weight");
    }
  }
}

TEST_F(OlmoCheckpointTest, SplitsFusedProjectionsByRows) {
  const auto list = weights();
  const auto found = collect(OlmoCheckpoint(small_model(), list, "model.pt"));
  EXPECT_EQ(found.size(), manifests::parameter_shapes(small_model()).size());
  const auto number_of = [&](const std::string& name) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].keys[0] == name) return static_cast<float>(1000 * i);
    }
    return -1.0F;
  };
  const float attention = number_of("transformer.blocks.1.att_proj.weight");
  const std::string layer = "model.layers.1.";
  EXPECT_EQ(found.at(layer + "self_attn.q_proj.weight")[0], attention);
  EXPECT_EQ(found.at(layer + "self_attn.k_proj.weight")[0], attention + 16);
  EXPECT_EQ(found.at(layer + "self_attn.v_proj.weight")[0], attention + 24);
  EXPECT_EQ(found.at(layer + "self_attn.v_proj.weight").back(), attention + 31);
  const float fused = number_of("transformer.blocks.1.ff_proj.weight");
  EXPECT_EQ(found.at(layer + "mlp.up_proj.weight")[0], fused);  // the first half, not the second
  EXPECT_EQ(found.at(layer + "mlp.gate_proj.weight")[0], fused + 12);
  EXPECT_EQ(found.at(layer + "mlp.down_proj.weight")[0],
            number_of("transformer.blocks.1.ff_out.weight"));
  EXPECT_EQ(found.at("lm_head.weight")[0], number_of("transformer.ff_out.weight"));
  EXPECT_EQ(found.at(layer + "post_attention_layernorm.weight")[0],
            number_of("transformer.blocks.1.attn_norm.weight"));
}

TEST_F(OlmoCheckpointTest, MomentsGoWithTheirWeights) {
  for (const bool numbered : {false, true}) {
    OlmoCheckpoint checkpoint(small_model(), weights(), "model.pt");
    std::map<std::string, std::string> names;
    if (numbered) {
      int index = 0;
      for (const auto& item : imports::olmo_layout(small_model())) {
        names[std::to_string(index++)] = item.name;
      }
    }
    auto tensors = optimizer(940577, numbered);
    tensors.push_back(tensor({"state", tensors[0].keys[1], "grad_norm_exp_avg"}, {1}, 0));
    tensors.push_back(tensor({"param_groups", "lr"}, {1}, 0));
    checkpoint.add_optimizer(tensors, names, "optim.pt");
    EXPECT_EQ(checkpoint.optimizer_step(), 940577);
    EXPECT_THAT(checkpoint.passed_over(), ElementsAre("grad_norm_exp_avg"));
    const auto found = collect(checkpoint);
    EXPECT_EQ(found.size(), 3 * manifests::parameter_shapes(small_model()).size());
    const float first = found.at("exp_avg/model.layers.0.self_attn.q_proj.weight")[0];
    EXPECT_EQ(found.at("exp_avg/model.layers.0.self_attn.v_proj.weight")[0], first + 24);
    EXPECT_EQ(found.at("exp_avg_sq/model.layers.0.self_attn.q_proj.weight")[0],
              first + 1000 + 0.25F);
  }
}

TEST_F(OlmoCheckpointTest, WhatDoesNotFitIsListed) {
  auto list = weights();
  list.erase(list.begin());
  list[1].shape = {4, 8};
  list[2].dtype = "bfloat16";
  list.push_back(tensor({"transformer.wpe.weight"}, {2}, 0));
  const std::string text = refusal([&] { OlmoCheckpoint(small_model(), list, "model.pt"); });
  for (const char* part : {"corruption: model.pt does not hold the tensors of its configuration:",
                           "missing transformer.ff_out.weight",
                           "transformer.wte.weight is float32 [4,8], not float32 [8,4]",
                           "att_proj.weight is bfloat16", "extra transformer.wpe.weight"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(OlmoCheckpointTest, OptimizersThatDoNotFitAreRefused) {
  OlmoCheckpoint checkpoint(small_model(), weights(), "model.pt");
  const auto add = [&](const std::vector<StoredTensor>& tensors) {
    return refusal([&] {
      OlmoCheckpoint copy = checkpoint;
      copy.add_optimizer(tensors, {}, "optim.pt");
    });
  };
  auto tensors = optimizer(3);
  ASSERT_EQ(add(tensors), "");
  EXPECT_THAT(add({}), HasSubstr("missing exp_avg/transformer.ff_out.weight"));
  EXPECT_THAT(add(optimizer(3, true)), HasSubstr("extra exp_avg/0"));
  for (const float step : {2.0F, 2.5F, -1.0F, 1e30F}) {
    tensors[2] = keep(tensors[2].keys, "float32", {}, std::as_bytes(std::span(&step, 1)));
    EXPECT_THAT(add(tensors),
                HasSubstr(step == 2.0F ? "updated 2 and 3 times" : "no whole number"));
  }
  std::vector<StoredTensor> without;
  for (const StoredTensor& item : optimizer(3)) {
    if (item.keys[2] != "step") without.push_back(item);
  }
  EXPECT_THAT(add(without), HasSubstr("says no step"));
}

imports::Pickle read(const std::string& opcodes) {
  const std::string bytes = pickled(opcodes);
  return imports::read_pickle(std::as_bytes(std::span(bytes)), "a.pkl");
}

TEST_F(OlmoCheckpointTest, NumberedParametersAreNamedByTheirGroups) {
  const auto list = [](const std::string& items) { return "](" + items + "e"; };
  const auto names = imports::parameter_names(
      read(op_dict({{op_text("param_groups"),
                     list(op_dict({{op_text("params"), list("K\x01K\x02")},
                                   {op_text("param_names"), list(op_text("a") + op_text("b"))}}) +
                          op_dict({{op_text("params"), list("K\x03")}}))}})));
  EXPECT_EQ(names, (std::map<std::string, std::string>{{"1", "a"}, {"2", "b"}}));
  EXPECT_TRUE(imports::parameter_names(read("}")).empty());
}

TEST_F(OlmoCheckpointTest, CountersAreCheckedAgainstEachOther) {
  const auto counters = imports::read_counters(
      read(op_dict({{op_text("global_step"), op_int(10)},
                    {op_text("global_train_tokens_seen"), op_int(10 * 1024 * 4096)},
                    {op_text("epoch"), "K\x01"},
                    {op_text("world_size"), op_text("many")}})));
  EXPECT_EQ(counters.global_step, 10);
  EXPECT_EQ(counters.epoch, 1);
  EXPECT_EQ(counters.world_size, std::nullopt);
  EXPECT_TRUE(imports::check_counters(counters, 10, 1024, 4096).empty());
  const auto findings = imports::check_counters(counters, 11, 512, 4096);
  EXPECT_THAT(findings, ElementsAre(HasSubstr("20971520"), HasSubstr("counts 11 updates")));
  EXPECT_TRUE(imports::check_counters({}, 11, 512, 4096).empty());
}

}  // namespace
}  // namespace repro::imports_test
