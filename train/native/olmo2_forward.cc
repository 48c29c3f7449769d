#include "train/native/olmo2_forward.h"

// Only ATen headers: torch/torch.h costs twelve CPU-seconds a file and is banned.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>

#include "artifacts/base/error.h"

namespace repro::train {

using at::Tensor;

at::Tensor wrap_values(const float* values, const Parameter& parameter) {
  return at::from_blob(const_cast<float*>(values) + parameter.offset, parameter.shape,
                       at::TensorOptions().dtype(at::kFloat));
}

Olmo2Forward::Olmo2Forward(const manifests::Config& config, const Parameters& parameters,
                           const std::vector<Tensor>& weights)
    : model_(config.model),
      positions_(config.data.sequence_length),
      bf16_(config.native.dtype == "bf16") {
  REPRO_CHECK(weights.size() == parameters.tensors.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights_[parameters.tensors[i].name] = weights[i];
  }
  make_rope(at::Device(config.run.device));
}

Tensor Olmo2Forward::hidden(const Tensor& ids, std::int64_t first, const Attend& attend) const {
  REPRO_CHECK(first >= 0 && first + ids.size(1) <= positions_);
  Tensor h = embedded(ids);
  for (std::int64_t i = 0; i < model_.num_layers; ++i) h = layer(h, first, i, attend);
  return normed(h);
}

Tensor Olmo2Forward::embedded(const Tensor& ids) const {
  return at::embedding(weight("model.embed_tokens.weight"), ids);
}

Tensor Olmo2Forward::layer(const Tensor& h, std::int64_t first, std::int64_t index,
                           const Attend& attend) const {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  if (model_.norm == "pre") {
    const Tensor middle =
        h + attention_block(norm(h, prefix + "input_layernorm.weight"), first, index, attend);
    return middle + feed_forward(norm(middle, prefix + "post_attention_layernorm.weight"), prefix);
  }
  const Tensor middle = h + norm(attention_block(h, first, index, attend),
                                 prefix + "post_attention_layernorm.weight");
  return middle + norm(feed_forward(middle, prefix), prefix + "post_feedforward_layernorm.weight");
}

Tensor Olmo2Forward::normed(const Tensor& h) const { return norm(h, "model.norm.weight"); }

Tensor Olmo2Forward::logits(const Tensor& hidden) const {
  return linear(hidden, weight("lm_head.weight"));
}

Tensor Olmo2Forward::attention(const Tensor& q, const Tensor& k, const Tensor& v,
                               const std::optional<Tensor>& mask) const {
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, /*is_causal=*/!mask, {},
                                          /*enable_gqa=*/model_.num_kv_heads != model_.num_heads);
}

const Tensor& Olmo2Forward::weight(const std::string& name) const {
  const auto found = weights_.find(name);
  if (found == weights_.end()) throw Error(Code::internal, "no parameter " + name);
  return found->second;
}

// Angles in binary64, rounded once.
void Olmo2Forward::make_rope(at::Device device) {
  const std::int64_t head_dim = model_.head_dim();
  const auto options = at::TensorOptions().dtype(at::kDouble).device(device);
  const Tensor index = at::arange(0, head_dim, 2, options);
  const Tensor frequency = at::pow(model_.rope_theta, -index / head_dim);
  const Tensor position = at::arange(positions_, options);
  const Tensor angle = at::outer(position, frequency);
  cosines_ = at::cat({angle.cos(), angle.cos()}, -1).to(at::kFloat);
  sines_ = at::cat({angle.sin(), angle.sin()}, -1).to(at::kFloat);
}

Tensor Olmo2Forward::rope(const Tensor& x, std::int64_t first) const {  // [B, heads, T, H]
  const std::int64_t half = x.size(-1) / 2;
  const std::int64_t count = x.size(-2);
  const Tensor rotated = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * cosines_.narrow(0, first, count) + rotated * sines_.narrow(0, first, count);
}

// Of a product or of attention.
Tensor Olmo2Forward::operand(const Tensor& x) const { return bf16_ ? x.to(at::kBFloat16) : x; }

Tensor Olmo2Forward::linear(const Tensor& x, const Tensor& w) const {
  return at::linear(operand(x), operand(w)).to(at::kFloat);
}

Tensor Olmo2Forward::norm(const Tensor& x, const std::string& gain) const {
  return x * at::rsqrt(x.pow(2).mean(-1, true) + model_.rms_norm_eps) * weight(gain);
}

Tensor Olmo2Forward::split_heads(const Tensor& x, std::int64_t heads) const {
  return x.view({x.size(0), x.size(1), heads, model_.head_dim()}).transpose(1, 2);
}

// The output of Wo.
Tensor Olmo2Forward::attention_block(const Tensor& h, std::int64_t first, std::int64_t layer,
                                     const Attend& attend) const {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".self_attn.";
  Tensor q = linear(h, weight(prefix + "q_proj.weight"));
  Tensor k = linear(h, weight(prefix + "k_proj.weight"));
  const Tensor v = linear(h, weight(prefix + "v_proj.weight"));
  if (model_.qk_norm) {
    q = norm(q, prefix + "q_norm.weight");
    k = norm(k, prefix + "k_norm.weight");
  }
  const Tensor attended = attend(layer, operand(rope(split_heads(q, model_.num_heads), first)),
                                 operand(rope(split_heads(k, model_.num_kv_heads), first)),
                                 operand(split_heads(v, model_.num_kv_heads)));
  const Tensor o = attended.transpose(1, 2).reshape({h.size(0), h.size(1), -1}).to(at::kFloat);
  return linear(o, weight(prefix + "o_proj.weight"));
}

// The output of Wdown.
Tensor Olmo2Forward::feed_forward(const Tensor& h, const std::string& prefix) const {
  const Tensor a = at::silu(linear(h, weight(prefix + "mlp.gate_proj.weight"))) *
                   linear(h, weight(prefix + "mlp.up_proj.weight"));
  return linear(a, weight(prefix + "mlp.down_proj.weight"));
}

}  // namespace repro::train
