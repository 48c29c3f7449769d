// Arithmetic on a model's shape: tensors, parameters, FLOPs, memory. Pure; needs no trainer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "manifests/config.h"

namespace repro::manifests {

enum class TensorRole : std::uint8_t { embedding, matrix, norm, head };

struct ParameterShape {
  std::string name;  // Hugging Face name, "model.layers.0.self_attn.q_proj.weight"
  std::vector<std::int64_t> shape;
  TensorRole role = TensorRole::matrix;
  double init_std = 0;  // standard deviation of its first values, before truncation; of norms 0
};

// In bytewise order of names. OLMo 2: embed_tokens, per layer q,k,v,o, q_norm, k_norm, gate, up,
// down, post_attention_layernorm, post_feedforward_layernorm; norm; lm_head. With model.norm pre a
// layer's norms are input_layernorm and post_attention_layernorm, as in Llama; without
// model.qk_norm there are no q_norm and k_norm.
std::vector<ParameterShape> parameter_shapes(const ModelConfig& model);
std::int64_t parameter_count(const ModelConfig& model);
// Training FLOPs a token (one multiply-add = 2), forward and backward, attention at full length
// / 2.
double flops_per_token(const ModelConfig& model, std::int64_t sequence_length);
// Bytes of one checkpoint (parameters and two moments, float32) and of training in one process.
std::int64_t checkpoint_bytes(const ModelConfig& model);
std::int64_t training_bytes(const Config& config);

}  // namespace repro::manifests
