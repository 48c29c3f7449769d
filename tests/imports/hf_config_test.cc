#include "imports/hf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"

namespace repro::imports {
namespace {

using ::testing::HasSubstr;

// The released 7B's values.
Json released() {
  return {{"architectures", {"Olmo2ForCausalLM"}},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"eos_token_id", 100257},
          {"hidden_act", "silu"},
          {"hidden_size", 4096},
          {"initializer_range", 0.02},
          {"intermediate_size", 11008},
          {"max_position_embeddings", 4096},
          {"model_type", "olmo2"},
          {"num_attention_heads", 32},
          {"num_hidden_layers", 32},
          {"num_key_value_heads", 32},
          {"pad_token_id", 100277},
          {"rms_norm_eps", 1e-06},
          {"rope_scaling", nullptr},
          {"rope_theta", 500000},
          {"tie_word_embeddings", false},
          {"torch_dtype", "float32"},
          {"transformers_version", "4.47.0"},
          {"use_cache", true},
          {"vocab_size", 100352}};
}

HfConfig parse(const Json& json) { return parse_hf_config(json.dump(), "config.json"); }

Json with(const std::string& key, const Json& value) {
  Json json = released();
  json[key] = value;
  return json;
}

void refuse(const std::string& text, Code code, const std::string& message) {
  try {
    parse_hf_config(text, "config.json");
    ADD_FAILURE() << "taken: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(message));
    EXPECT_THAT(error.what(), HasSubstr("config.json"));
  }
}
void refuse(const Json& json, Code code, const std::string& message) {
  refuse(json.dump(), code, message);
}

TEST(HfConfig, ReadsWhatWasReleased) {
  const HfConfig config = parse(released());
  EXPECT_EQ(config.model.hidden_size, 4096);
  EXPECT_EQ(config.model.num_layers, 32);
  EXPECT_EQ(config.model.num_kv_heads, 32);
  EXPECT_EQ(config.model.intermediate_size, 11008);
  EXPECT_EQ(config.model.vocab_size, 100352);
  EXPECT_EQ(config.model.rope_theta, 500000);
  EXPECT_EQ(config.model.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.positions, 4096);
  EXPECT_EQ(config.begin_of_text, std::nullopt);
  EXPECT_EQ(config.end_of_text, 100257);
  EXPECT_EQ(config.padding, 100277);
}

TEST(HfConfig, ReadsTheRopeOfNewerVersions) {
  Json json = released();
  json.erase("rope_theta");
  json.erase("rope_scaling");
  json["rope_parameters"] = {{"rope_theta", 10000.0}, {"rope_type", "default"}};
  EXPECT_EQ(parse(json).model.rope_theta, 10000);
  json["rope_parameters"]["rope_type"] = "yarn";
  refuse(json, Code::unsupported, "rope_type \"yarn\"");
  json["rope_parameters"] = {{"rope_theta", 10000.0}, {"factor", 8.0}};
  refuse(json, Code::unsupported, "factor 8.0");
  json["rope_parameters"] = {{"rope_type", "default"}};
  refuse(json, Code::invalid_argument, "does not say rope_theta");
  json["rope_parameters"] = {{"rope_theta", 10000.0}};
  json["rope_theta"] = 500000;
  refuse(json, Code::invalid_argument, "another one");
}

TEST(HfConfig, WhatIsWrittenReadsTheSame) {
  HfConfig config = parse(released());
  config.model.num_kv_heads = 8;
  config.begin_of_text = 100257;
  config.padding.reset();
  EXPECT_EQ(parse_hf_config(encode_hf_config(config, "bfloat16"), "config.json"), config);
  EXPECT_THAT(encode_hf_config(config, "bfloat16"), HasSubstr("\"torch_dtype\": \"bfloat16\""));
  EXPECT_EQ(encode_hf_generation_config(config),
            "{\n  \"_from_model_config\": true,\n  \"bos_token_id\": 100257,\n"
            "  \"eos_token_id\": 100257\n}\n");
}

TEST(HfConfig, AnAblationIsNotWrittenAsWhatItIsNot) {
  HfConfig config = parse(released());
  config.model.norm = "pre";
  EXPECT_THROW(encode_hf_config(config, "float32"), Error);
  config.model.norm = "post";
  config.model.qk_norm = false;
  EXPECT_THROW(encode_hf_config(config, "float32"), Error);
}

TEST(HfConfig, RefusesWhatIsNotComputedByNameAndValue) {
  const std::vector<std::pair<std::string, Json>> bad = {
      {"architectures", {"LlamaForCausalLM"}},
      {"architectures", {"Olmo2ForCausalLM", "x"}},
      {"model_type", "olmo"},
      {"attention_bias", true},
      {"attention_dropout", 0.1},
      {"hidden_act", "gelu"},
      {"tie_word_embeddings", true},
      {"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}},
      {"head_dim", 64},
      {"sliding_window", 4096},
      {"clip_qkv", 8.0},
  };
  for (const auto& [key, value] : bad) {
    refuse(with(key, value), Code::unsupported, key + " " + value.dump());
  }
  EXPECT_EQ(parse(with("head_dim", 128)).model.head_dim(), 128);
}

TEST(HfConfig, RefusesWhatNoModelCanHave) {
  for (const char* key : {"architectures", "model_type", "hidden_size", "intermediate_size",
                          "num_hidden_layers", "num_attention_heads", "vocab_size",
                          "max_position_embeddings", "rms_norm_eps", "rope_theta"}) {
    Json json = released();
    json.erase(key);
    refuse(json, Code::invalid_argument, std::string("does not say ") + key);
    json[key] = nullptr;
    refuse(json, Code::invalid_argument, std::string("does not say ") + key);
  }
  refuse(with("hidden_size", -1), Code::invalid_argument, "hidden_size -1");
  refuse(with("hidden_size", "x"), Code::invalid_argument, "hidden_size \"x\"");
  refuse(with("num_hidden_layers", 1e18), Code::invalid_argument, "num_hidden_layers");
  refuse(with("num_hidden_layers", std::int64_t{1} << 60), Code::invalid_argument, "num_layers");
  refuse(with("num_attention_heads", 5), Code::invalid_argument, "num_heads");
  refuse(with("max_position_embeddings", 0), Code::invalid_argument, "max_position_embeddings");
  refuse(with("eos_token_id", 100352), Code::invalid_argument, "eos_token_id 100352");
  refuse(with("eos_token_id", {1, 2}), Code::invalid_argument, "eos_token_id [1,2]");
  refuse(with("rms_norm_eps", "1e-6"), Code::invalid_argument, "rms_norm_eps");
  refuse(std::string("[1]"), Code::invalid_argument, "no JSON object");
  refuse(std::string("{"), Code::invalid_argument, "");
  refuse(std::string("{\"a\":1,\"a\":1}"), Code::invalid_argument, "a");
  refuse(with("evil\n\x1b[2J", "\x1b"), Code::unsupported, "evil??[2J");
}

}  // namespace
}  // namespace repro::imports
