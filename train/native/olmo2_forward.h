// OLMo 2's forward pass in LibTorch's operators, for training (olmo2_native.h) and for inference
// (olmo2_native_decoder.h): all of it but which keys a query sees, which is the caller's.
//
// Shapes: B sequences, T tokens of each, D hidden, H of a head, V vocabulary. float32; with
// native.dtype bf16 the operands and results of products and of attention are bfloat16.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "manifests/config.h"
#include "train/nn/parameters.h"

namespace repro::train {

// `values` of a buffer of Parameters, in its memory, as the tensor that `parameter` is.
at::Tensor wrap_values(const float* values, const Parameter& parameter);

class Olmo2Forward {
 public:
  // What attention gives, [B, heads, T, H], for a layer's queries [B, heads, T, H], keys and values
  // [B, kv_heads, T, H]: operands, so keys and values are what a cache keeps.
  using Attend = std::function<at::Tensor(std::int64_t layer, const at::Tensor& q,
                                          const at::Tensor& k, const at::Tensor& v)>;

  // `weights`: of parameters.tensors, in their order, float32 on config.run.device. They are
  // computed with as they are at each call, with autograd where they ask for it.
  Olmo2Forward(const manifests::Config& config, const Parameters& parameters,
               const std::vector<at::Tensor>& weights);

  // What comes out of the final norm, [B, T, D], of ids [B, T] at the positions from `first` on:
  // at most data.sequence_length of them.
  at::Tensor hidden(const at::Tensor& ids, std::int64_t first, const Attend& attend) const;
  // Its parts, each with [B, T, D] in and out: the embedding of ids [B, T], a layer, the final
  // norm.
  at::Tensor embedded(const at::Tensor& ids) const;
  at::Tensor layer(const at::Tensor& h, std::int64_t first, std::int64_t index,
                   const Attend& attend) const;
  at::Tensor normed(const at::Tensor& h) const;
  // [..., V] of what `hidden` gave, [..., D].
  at::Tensor logits(const at::Tensor& hidden) const;

  // softmax(q k^T / sqrt(H)) v, for an Attend. `mask` [B or 1, 1, T, keys] says which keys a query
  // sees; nothing: key j is seen from query j on.
  at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::optional<at::Tensor>& mask) const;

 private:
  void make_rope(at::Device device);
  const at::Tensor& weight(const std::string& name) const;
  at::Tensor operand(const at::Tensor& x) const;
  at::Tensor linear(const at::Tensor& x, const at::Tensor& w) const;
  at::Tensor norm(const at::Tensor& x, const std::string& gain) const;
  at::Tensor rope(const at::Tensor& x, std::int64_t first) const;
  at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) const;
  at::Tensor attention_block(const at::Tensor& h, std::int64_t first, std::int64_t layer,
                             const Attend& attend) const;
  at::Tensor feed_forward(const at::Tensor& h, const std::string& prefix) const;

  manifests::ModelConfig model_;
  std::int64_t positions_ = 0;
  bool bf16_ = false;                          // of native.dtype
  std::map<std::string, at::Tensor> weights_;  // by name
  at::Tensor cosines_;                         // [positions, H]
  at::Tensor sines_;
};

}  // namespace repro::train
