#include "imports/hf_config.h"

#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"

namespace repro::imports {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::size_t kShownBytes = 80;

// Keys that change nothing of what the model computes.
constexpr std::array kIgnored = {"_attn_implementation_autoset",
                                 "_name_or_path",
                                 "chunk_size_feed_forward",
                                 "dtype",
                                 "id2label",
                                 "is_encoder_decoder",
                                 "label2id",
                                 "output_attentions",
                                 "output_hidden_states",
                                 "problem_type",
                                 "return_dict",
                                 "torch_dtype",
                                 "transformers_version",
                                 "use_cache"};

using Ordered = nlohmann::ordered_json;

// What the keys are taken from; afterwards none may be left.
class Keys {
 public:
  Keys(const Json& object, std::string what) : object_(object), what_(std::move(what)) {
    if (!object_.is_object()) throw Error(Code::invalid_argument, what_ + " is no JSON object");
  }

  // nullptr where the key is absent or null.
  const Json* find(const std::string& key) {
    taken_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::int64_t count(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr) fail_missing(key);
    return count_of(key, *value);
  }

  std::optional<std::int64_t> find_count(const std::string& key) {
    const Json* value = find(key);
    return value == nullptr ? std::nullopt : std::optional(count_of(key, *value));
  }

  std::optional<double> find_number(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) fail_value(key, *value, "a number is expected");
    return value->get<double>();
  }

  double number(const std::string& key) {
    const auto value = find_number(key);
    if (!value) fail_missing(key);
    return *value;
  }

  // The only value that is computed here; also what an absent key means.
  void only(const std::string& key, const Json& value) {
    const Json* there = find(key);
    if (there != nullptr && *there != value) fail_unsupported(key, *there);
  }

  void required(const std::string& key, const Json& value) {
    if (find(key) == nullptr) fail_missing(key);
    only(key, value);
  }

  void finish() const {
    for (const auto& item : object_.items()) {
      if (!taken_.contains(item.key())) fail_unsupported(item.key(), item.value());
    }
  }

  [[noreturn]] void fail_unsupported(const std::string& key, const Json& value) const {
    throw Error(Code::unsupported,
                what_ + " has " + shown(key) + " " + shown(value.dump(-1, ' ', true)) +
                    ", which is not computed here",
                "Olmo2ForCausalLM as released is: without biases, dropout, tied embeddings or "
                "scaled RoPE");
  }

  [[noreturn]] void fail_value(const std::string& key, const Json& value,
                               const std::string& why) const {
    throw Error(Code::invalid_argument,
                what_ + " has " + shown(key) + " " + shown(value.dump(-1, ' ', true)) + "; " + why);
  }

 private:
  static std::string shown(const std::string& text) {
    std::string printable = text.substr(0, kShownBytes);
    for (char& c : printable) {
      if (c < ' ' || c > '~') c = '?';
    }
    return printable + (text.size() > kShownBytes ? "..." : "");
  }

  [[noreturn]] void fail_missing(const std::string& key) const {
    throw Error(Code::invalid_argument, what_ + " does not say " + key,
                "give the config.json that was released with the weights");
  }

  std::int64_t count_of(const std::string& key, const Json& value) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX) {
      fail_value(key, value, "a whole number is expected");
    }
    return value.get<std::int64_t>();
  }

  const Json& object_;
  std::string what_;
  std::set<std::string> taken_;
};

// "rope_theta" beside "rope_scaling", or both in "rope_parameters" (transformers 5).
double take_rope_theta(Keys& keys, const std::string& what) {
  keys.only("rope_scaling", nullptr);
  const Json* parameters = keys.find("rope_parameters");
  const auto theta = keys.find_number("rope_theta");
  if (parameters == nullptr) return theta ? *theta : keys.number("rope_theta");
  Keys inner(*parameters, what + ", rope_parameters,");
  inner.only("rope_type", "default");
  inner.only("partial_rotary_factor", 1.0);
  const double value = inner.number("rope_theta");
  inner.finish();
  if (theta && *theta != value) {
    keys.fail_value("rope_theta", *theta, "rope_parameters says another one");
  }
  return value;
}

void take_shape(Keys& keys, manifests::ModelConfig& model) {
  model.hidden_size = keys.count("hidden_size");
  model.num_layers = keys.count("num_hidden_layers");
  model.num_heads = keys.count("num_attention_heads");
  model.num_kv_heads = keys.find_count("num_key_value_heads").value_or(model.num_heads);
  model.intermediate_size = keys.count("intermediate_size");
  model.vocab_size = keys.count("vocab_size");
  model.rms_norm_eps = keys.number("rms_norm_eps");
  model.init_std = keys.find_number("initializer_range").value_or(model.init_std);
}

void take_fixed(Keys& keys) {
  keys.required("architectures", Json::array({"Olmo2ForCausalLM"}));
  keys.required("model_type", "olmo2");
  keys.only("attention_bias", false);
  keys.only("attention_dropout", 0.0);
  keys.only("hidden_act", "silu");
  keys.only("pretraining_tp", 1);
  keys.only("tie_word_embeddings", false);
}

std::optional<std::int64_t> take_id(Keys& keys, const std::string& key, std::int64_t vocab_size) {
  const auto id = keys.find_count(key);
  if (id && *id >= vocab_size) keys.fail_value(key, *id, "it is no id of the vocabulary");
  return id;
}

// What an ablation changed is no Olmo2ForCausalLM any more.
void check_computed_there(const manifests::ModelConfig& model) {
  if (model.norm == "post" && model.qk_norm) return;
  throw Error(Code::unsupported,
              "a model with model.norm " + model.norm + " and model.qk_norm " +
                  (model.qk_norm ? "true" : "false") + " is no Olmo2ForCausalLM",
              "take --format safetensors, which holds its tensors as they are");
}

Ordered id_json(const std::optional<std::int64_t>& id) { return id ? Ordered(*id) : Ordered(); }

std::string json_text(const Ordered& json) { return json.dump(2) + "\n"; }

}  // namespace

HfConfig parse_hf_config(std::string_view text, const std::string& what) {
  const Json json = parse_json(text, what, kMaxBytes);
  Keys keys(json, what);
  take_fixed(keys);
  HfConfig config;
  take_shape(keys, config.model);
  config.model.rope_theta = take_rope_theta(keys, what);
  config.positions = keys.count("max_position_embeddings");
  try {
    manifests::check_model_config(config.model);
  } catch (Error& error) {
    error.context(what);
    throw;
  }
  if (config.positions < 1) keys.fail_value("max_position_embeddings", 0, "it is at least 1");
  keys.only("head_dim", config.model.head_dim());
  config.begin_of_text = take_id(keys, "bos_token_id", config.model.vocab_size);
  config.end_of_text = take_id(keys, "eos_token_id", config.model.vocab_size);
  config.padding = take_id(keys, "pad_token_id", config.model.vocab_size);
  for (const char* key : kIgnored) keys.find(key);
  keys.finish();
  return config;
}

std::string encode_hf_config(const HfConfig& config, std::string_view dtype) {
  const manifests::ModelConfig& model = config.model;
  check_computed_there(model);
  Ordered json = {{"architectures", {"Olmo2ForCausalLM"}},
                  {"attention_bias", false},
                  {"attention_dropout", 0.0},
                  {"hidden_act", "silu"},
                  {"hidden_size", model.hidden_size},
                  {"initializer_range", model.init_std},
                  {"intermediate_size", model.intermediate_size},
                  {"max_position_embeddings", config.positions},
                  {"model_type", "olmo2"},
                  {"num_attention_heads", model.num_heads},
                  {"num_hidden_layers", model.num_layers},
                  {"num_key_value_heads", model.num_kv_heads},
                  {"rms_norm_eps", model.rms_norm_eps},
                  {"rope_scaling", nullptr},
                  {"rope_theta", model.rope_theta},
                  {"tie_word_embeddings", false},
                  {"torch_dtype", dtype},
                  {"use_cache", true},
                  {"vocab_size", model.vocab_size}};
  // The class's defaults are ids of another tokenizer, so null must be said.
  json["bos_token_id"] = id_json(config.begin_of_text);
  json["eos_token_id"] = id_json(config.end_of_text);
  json["pad_token_id"] = id_json(config.padding);
  return json_text(json);
}

std::string encode_hf_generation_config(const HfConfig& config) {
  Ordered json = {{"_from_model_config", true}};
  if (config.begin_of_text) json["bos_token_id"] = *config.begin_of_text;
  if (config.end_of_text) json["eos_token_id"] = *config.end_of_text;
  if (config.padding) json["pad_token_id"] = *config.padding;
  return json_text(json);
}

}  // namespace repro::imports
