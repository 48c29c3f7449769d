#include "tests/train/eval/tiny_model.h"

#include <algorithm>

#include "train/models/olmo2_decoder.h"

namespace repro::train::support {
namespace {

Context context_of(const TinyModel& model, Parallel& parallel) {
  Context context;
  context.path = model.path;
  context.parallel = &parallel;
  return context;
}

// [S * L, D] after the last layer.
Buffer<float> forward(const TinyModel& model, const Context& context, const StepShape& shape,
                      const Tokens& ids) {
  const Parameter& embedding = model.parameters.at("model.embed_tokens.weight");
  Buffer<float> h;
  h.resize(shape.rows() * shape.hidden);
  for (std::size_t r = 0; r < ids.size(); ++r) {
    std::copy_n(model.parameters.weights.data() + embedding.offset + ids[r] * shape.hidden,
                shape.hidden, h.data() + static_cast<std::int64_t>(r) * shape.hidden);
  }
  const RopeTable rope(model.config.model, model.config.data.sequence_length);
  LayerScratch scratch;
  for (std::int64_t i = 0; i < model.config.model.num_layers; ++i) {
    LayerWeights layer(layer_tensors(model.parameters, i));
    quantize_layer(context, model.parameters, layer);
    LayerActivations saved;
    layer_forward(context, shape, rope, model.parameters, layer, {h.data(), h.data()}, saved,
                  scratch);
  }
  return h;
}

Buffer<float> logits_of(const TinyModel& model, const Context& context, const StepShape& shape,
                        const Buffer<float>& h) {
  const Parameter& norm = model.parameters.at("model.norm.weight");
  const Parameter& head = model.parameters.at("lm_head.weight");
  const float* weights = model.parameters.weights.data();
  Buffer<float> y;
  Buffer<float> r;
  Buffer<float> logits;
  y.resize(shape.rows() * shape.hidden);
  r.resize(shape.rows());
  logits.resize(shape.rows() * head.shape[0]);
  norm_forward(context, shape, h.data(), shape.hidden, weights + norm.offset, shape.hidden, nullptr,
               y.data(), r.data());
  Quantized x;
  Quantized w;
  quantize(context, "x", y.data(), shape.rows(), shape.hidden, shape.hidden, x);
  quantize(context, "w", weights + head.offset, head.shape[0], shape.hidden, shape.hidden, w);
  linear(context, x, w, logits.data(), head.shape[0]);
  return logits;
}

}  // namespace

manifests::Config tiny_config(std::int64_t heads, std::int64_t kv_heads, std::int64_t positions) {
  manifests::Config config;
  config.model.hidden_size = heads * 8;
  config.model.num_layers = 2;
  config.model.num_heads = heads;
  config.model.num_kv_heads = kv_heads;
  config.model.intermediate_size = 44;
  config.model.vocab_size = 41;
  config.model.init_std = 0.15;  // large enough that every token moves every logit
  config.data.sequence_length = positions;
  config.loss.z_loss = 0;
  return config;
}

TinyModel::TinyModel(const manifests::Config& model_config, std::string_view kernels, int threads)
    : config(model_config),
      parallel(threads),
      path(choose_path(kernels)),
      parameters(config.model) {
  parameters.initialize(config.model, 11, parallel);
  decoder = make_exact_olmo2_decoder(config, path, parallel, parameters);
}

std::vector<std::vector<float>> TinyModel::training_logits(const std::vector<Tokens>& sequences,
                                                           std::uint32_t padding) {
  const Context context = context_of(*this, parallel);
  std::size_t longest = 0;
  for (const Tokens& tokens : sequences) longest = std::max(longest, tokens.size());
  Tokens ids;
  for (const Tokens& tokens : sequences) {
    ids.insert(ids.end(), tokens.begin(), tokens.end());
    ids.insert(ids.end(), longest - tokens.size(), padding);
  }
  const StepShape shape = step_shape(config.model, static_cast<std::int64_t>(sequences.size()),
                                     static_cast<std::int64_t>(longest));
  const Buffer<float> logits =
      logits_of(*this, context, shape, forward(*this, context, shape, ids));
  const auto vocab = static_cast<std::size_t>(config.model.vocab_size);
  std::vector<std::vector<float>> result;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const float* begin = logits.data() + i * longest * vocab;
    result.emplace_back(begin, begin + sequences[i].size() * vocab);
  }
  return result;
}

}  // namespace repro::train::support
