// A small exact model with random weights, and its logits by the forward pass of training.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "train/models/language_model.h"
#include "train/models/olmo2_layers.h"

namespace repro::train::support {

using Tokens = std::vector<std::uint32_t>;

manifests::Config tiny_config(std::int64_t heads, std::int64_t kv_heads, std::int64_t positions);

// Everything a decoder needs. The threads, the parameters and the decoder live together.
struct TinyModel {
  TinyModel(const manifests::Config& model_config, std::string_view kernels, int threads);

  // The whole vocabulary's logits of every position of every sequence, [length * V] each: one
  // training batch, padded with `padding` to the longest sequence.
  std::vector<std::vector<float>> training_logits(const std::vector<Tokens>& sequences,
                                                  std::uint32_t padding);

  manifests::Config config;
  Parallel parallel;
  KernelPath path;
  Parameters parameters;
  std::unique_ptr<LanguageModel> decoder;
};

}  // namespace repro::train::support
