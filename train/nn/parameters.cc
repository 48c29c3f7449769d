#include "train/nn/parameters.h"

#include <algorithm>
#include <array>

#include "artifacts/base/error.h"
#include "train/numerics/philox.h"

namespace repro::train {
namespace {

constexpr std::int64_t kAlignElements = 16;  // 64 bytes of float32

// Order within a layer, of those that the model has: each fused group is one run of consecutive
// tensors.
constexpr std::array<std::string_view, 12> kLayerOrder = {
    "self_attn.q_proj.weight",
    "self_attn.k_proj.weight",
    "self_attn.v_proj.weight",
    "self_attn.o_proj.weight",
    "mlp.gate_proj.weight",
    "mlp.up_proj.weight",
    "mlp.down_proj.weight",
    "self_attn.q_norm.weight",
    "self_attn.k_norm.weight",
    "input_layernorm.weight",
    "post_attention_layernorm.weight",
    "post_feedforward_layernorm.weight",
};

// Continues the matrix before it: no padding in between.
bool continues_fused(std::string_view suffix) {
  return suffix == kLayerOrder[1] || suffix == kLayerOrder[2] || suffix == kLayerOrder[5];
}

std::vector<std::string> memory_order(const manifests::ModelConfig& model) {
  std::vector<std::string> names = {"model.embed_tokens.weight"};
  for (std::int64_t layer = 0; layer < model.num_layers; ++layer) {
    for (std::string_view suffix : kLayerOrder) {
      names.push_back("model.layers." + std::to_string(layer) + "." + std::string(suffix));
    }
  }
  names.emplace_back("model.norm.weight");
  names.emplace_back("lm_head.weight");
  return names;
}

std::string_view suffix_of(std::string_view name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return name;
  return name.substr(name.find('.', kPrefix.size()) + 1);
}

std::int64_t element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (std::int64_t dim : shape) count *= dim;
  return count;
}

}  // namespace

Parameters::Parameters(const manifests::ModelConfig& model) {
  const std::vector<manifests::ParameterShape> shapes = manifests::parameter_shapes(model);
  std::int64_t offset = 0;
  for (const std::string& name : memory_order(model)) {
    const auto found = std::find_if(shapes.begin(), shapes.end(),
                                    [&](const auto& shape) { return shape.name == name; });
    if (found == shapes.end()) continue;
    if (!continues_fused(suffix_of(name))) {
      offset = (offset + kAlignElements - 1) / kAlignElements * kAlignElements;
    }
    Parameter parameter;
    parameter.name = name;
    parameter.shape = found->shape;
    parameter.role = found->role;
    parameter.init_std = found->init_std;
    parameter.offset = offset;
    parameter.count = element_count(found->shape);
    offset += parameter.count;
    tensors.push_back(std::move(parameter));
  }
  REPRO_CHECK(tensors.size() == shapes.size());
  for (Buffer<float>* buffer : {&weights, &exp_avg, &exp_avg_sq}) {
    buffer->resize(offset);
    // The padding between tensors is read by whole-buffer passes. A layout alone takes no memory.
    zero_pages(buffer->data(), static_cast<std::size_t>(offset) * sizeof(float), Pages::any);
  }
  gradient.resize(offset);
}

void Parameters::zero_gradient(Parallel& parallel) {
  REPRO_CHECK(tensors.front().role == manifests::TensorRole::embedding);
  const std::int64_t dense = tensors.front().count;  // what stands before the first matrix
  zero_pages(gradient.data(), static_cast<std::size_t>(dense) * sizeof(std::int64_t), Pages::small);
  parallel.run_ranges(total() - dense, 1 << 18, [&](std::int64_t begin, std::int64_t end) {
    std::fill(gradient.data() + dense + begin, gradient.data() + dense + end, 0);
  });
}

const Parameter* Parameters::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const Parameter& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

const Parameter& Parameters::at(std::string_view name) const {
  const Parameter* found = find(name);
  REPRO_CHECK(found != nullptr);
  return *found;
}

void Parameters::initialize(const manifests::ModelConfig& model, std::uint64_t seed,
                            Parallel& parallel) {
  exp_avg.fill(0);
  exp_avg_sq.fill(0);
  for (const Parameter& tensor : tensors) {
    float* values = weights.data() + tensor.offset;
    if (tensor.role == manifests::TensorRole::norm) {
      std::fill_n(values, tensor.count, 1.0F);
      continue;
    }
    parallel.run_ranges(tensor.count, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
      fill_truncated_normal(seed, tensor.name, tensor.init_std, model.init_cutoff,
                            {values + begin, static_cast<std::size_t>(end - begin)},
                            static_cast<std::uint64_t>(begin));
    });
  }
}

}  // namespace repro::train
