// The model of a resolved configuration (manifests/config.h).
#pragma once

#include <cstdint>
#include <string>

namespace repro::manifests {

struct ModelConfig {
  std::string family = "olmo2";
  std::int64_t hidden_size = 0;        // required
  std::int64_t num_layers = 0;         // required
  std::int64_t num_heads = 0;          // required; divides hidden_size into an even head_dim
  std::int64_t num_kv_heads = 0;       // 0 in YAML means num_heads; resolved value is explicit
  std::int64_t intermediate_size = 0;  // required; one branch (not the fused width)
  std::int64_t vocab_size = 0;         // required; >= the tokenizer's
  double rope_theta = 500000;
  double rms_norm_eps = 1e-6;
  double init_std = 0.02;
  double init_cutoff = 3;  // truncation of the normal, in standard deviations
  // What OLMo 2 changed, for ablations (docs/arithmetic.md): "post" or "pre", "normal" or
  // "mitchell".
  std::string norm = "post";  // of a branch's output, or of its input
  bool qk_norm = true;
  std::string init = "normal";

  std::int64_t head_dim() const { return hidden_size / num_heads; }
  bool operator==(const ModelConfig&) const = default;
};

// Ranges and relations of keys, as `check_config` has them. Error(invalid_argument).
void check_model_config(const ModelConfig& model);

}  // namespace repro::manifests
