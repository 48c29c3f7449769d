#include "manifests/model_shape.h"

#include <algorithm>
#include <cmath>

namespace repro::manifests {
namespace {

constexpr std::int64_t kBytesPerParameter = 4 + 4 + 4;  // weight and two moments, float32
// int64 gradient; int16 weight, packed for products in both directions
constexpr std::int64_t kTrainingBytesPerParameter = kBytesPerParameter + 8 + 2 * 2;
constexpr std::int64_t kCounterBytes = 2 * 8;  // trainer/step, trainer/batch

std::int64_t num_elements(const ParameterShape& parameter) {
  std::int64_t count = 1;
  for (const std::int64_t extent : parameter.shape) count *= extent;
  return count;
}

// "mitchell", as OLMo's trainer has it (allenai/OLMo, olmo/model.py, InitFnType.mitchell): by the
// number of inputs, and for what is added to the residual stream by the depth too.
double initial_deviation(const ModelConfig& model, std::int64_t inputs) {
  return model.init == "mitchell" ? 1 / std::sqrt(static_cast<double>(inputs)) : model.init_std;
}

double output_deviation(const ModelConfig& model, std::int64_t inputs, std::int64_t layer) {
  return initial_deviation(model, model.init == "mitchell" ? 2 * inputs * (layer + 1) : inputs);
}

void add_layer(std::vector<ParameterShape>& list, const ModelConfig& model, std::int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  const std::int64_t hidden = model.hidden_size;
  const std::int64_t kv = model.num_kv_heads * model.head_dim();
  const std::int64_t inner = model.intermediate_size;
  const auto matrix = [&](const char* name, std::int64_t out, std::int64_t in, double deviation) {
    list.push_back({prefix + name + ".weight", {out, in}, TensorRole::matrix, deviation});
  };
  const auto norm = [&](const char* name, std::int64_t width) {
    list.push_back({prefix + name + ".weight", {width}, TensorRole::norm});
  };
  const double inward = initial_deviation(model, hidden);
  matrix("self_attn.q_proj", hidden, hidden, inward);
  matrix("self_attn.k_proj", kv, hidden, inward);
  matrix("self_attn.v_proj", kv, hidden, inward);
  matrix("self_attn.o_proj", hidden, hidden, output_deviation(model, hidden, layer));
  if (model.qk_norm) {
    norm("self_attn.q_norm", hidden);
    norm("self_attn.k_norm", kv);
  }
  matrix("mlp.gate_proj", inner, hidden, inward);
  matrix("mlp.up_proj", inner, hidden, inward);
  matrix("mlp.down_proj", hidden, inner, output_deviation(model, inner, layer));
  const bool pre = model.norm == "pre";
  norm(pre ? "input_layernorm" : "post_attention_layernorm", hidden);
  norm(pre ? "post_attention_layernorm" : "post_feedforward_layernorm", hidden);
}

std::int64_t contracted_parameters(const ModelConfig& model) {
  std::int64_t count = 0;
  for (const ParameterShape& parameter : parameter_shapes(model)) {
    const bool product = parameter.role == TensorRole::matrix || parameter.role == TensorRole::head;
    if (product) count += num_elements(parameter);
  }
  return count;
}

// Estimate of what a token keeps alive between its forward and its backward pass. Recomputed: each
// layer's input, and all of one layer.
double activation_bytes_per_token(const ModelConfig& model, bool recompute) {
  const double hidden = static_cast<double>(model.hidden_size);
  const double kv = static_cast<double>(model.num_kv_heads * model.head_dim());
  const double inner = static_cast<double>(model.intermediate_size);
  const double floats = 7 * hidden + 3 * kv + 3 * inner;
  const double operands = 3 * hidden + 2 * kv + inner;  // int16, for the weight gradients
  const double logits = 2 * 4 * static_cast<double>(model.vocab_size);
  const double layer = 4 * floats + 2 * operands;
  const auto layers = static_cast<double>(model.num_layers);
  return (recompute ? layers * 4 * hidden + layer : layers * layer) + logits;
}

// Where tasks are scored between steps, the model that does it has digits of its own.
double task_bytes(const ModelConfig& model) {
  constexpr double kDigits = 2;  // bytes of a weight
  return kDigits * static_cast<double>(contracted_parameters(model));
}

}  // namespace

std::vector<ParameterShape> parameter_shapes(const ModelConfig& model) {
  std::vector<ParameterShape> list;
  const std::vector<std::int64_t> table = {model.vocab_size, model.hidden_size};
  const double deviation = initial_deviation(model, model.hidden_size);
  list.push_back({"lm_head.weight", table, TensorRole::head, deviation});
  list.push_back({"model.embed_tokens.weight", table, TensorRole::embedding, deviation});
  list.push_back({"model.norm.weight", {model.hidden_size}, TensorRole::norm});
  for (std::int64_t layer = 0; layer < model.num_layers; ++layer) add_layer(list, model, layer);
  std::sort(list.begin(), list.end(),
            [](const ParameterShape& a, const ParameterShape& b) { return a.name < b.name; });
  return list;
}

std::int64_t parameter_count(const ModelConfig& model) {
  std::int64_t count = 0;
  for (const ParameterShape& parameter : parameter_shapes(model)) count += num_elements(parameter);
  return count;
}

double flops_per_token(const ModelConfig& model, std::int64_t sequence_length) {
  // Scores and their use: two products over sequence_length / 2 keys of hidden_size each.
  const double attention = 2.0 * static_cast<double>(model.num_layers) *
                           static_cast<double>(model.hidden_size) *
                           static_cast<double>(sequence_length);
  const double forward = 2.0 * static_cast<double>(contracted_parameters(model)) + attention;
  return 3.0 * forward;
}

std::int64_t checkpoint_bytes(const ModelConfig& model) {
  return parameter_count(model) * kBytesPerParameter + kCounterBytes;
}

std::int64_t training_bytes(const Config& config) {
  const std::int64_t micro_batch = std::max<std::int64_t>(1, config.run.micro_batch);
  const double tokens = static_cast<double>(std::min(micro_batch, config.train.batch_size)) *
                        static_cast<double>(config.data.sequence_length);
  const double bytes = static_cast<double>(parameter_count(config.model)) *
                           static_cast<double>(kTrainingBytesPerParameter) +
                       tokens * activation_bytes_per_token(config.model, config.run.recompute) +
                       (config.eval.tasks.empty() ? 0.0 : task_bytes(config.model));
  return static_cast<std::int64_t>(std::min(bytes, 9e18));
}

}  // namespace repro::manifests
