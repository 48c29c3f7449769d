#include "train/native/olmo2_native_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/models/open_sequences.h"
#include "train/native/deterministic.h"
#include "train/native/olmo2_forward.h"

namespace repro::train {
namespace {

using at::Tensor;

constexpr std::int64_t kLogitRows = 64;  // logits in memory at a time

// Keys and values of one sequence, [1, kv_heads, capacity, H] a layer, as attention takes them.
class TensorCache {
 public:
  TensorCache(const manifests::ModelConfig& model, at::ScalarType dtype, std::int64_t capacity)
      : capacity_(capacity) {
    const std::vector<std::int64_t> shape = {1, model.num_kv_heads, capacity, model.head_dim()};
    for (std::int64_t i = 0; i < model.num_layers; ++i) {
      keys_.push_back(at::empty(shape, at::TensorOptions().dtype(dtype)));
      values_.push_back(at::empty(shape, at::TensorOptions().dtype(dtype)));
    }
  }

  std::int64_t capacity() const { return capacity_; }
  std::int64_t length() const { return length_; }
  // After every layer has stored them.
  void grow(std::int64_t count) { length_ += count; }

  void store(std::int64_t layer, const Tensor& k, const Tensor& v) {
    keys_[index(layer)].narrow(2, length_, k.size(2)).copy_(k);
    values_[index(layer)].narrow(2, length_, v.size(2)).copy_(v);
  }
  // Of the positions below `end`.
  Tensor keys(std::int64_t layer, std::int64_t end) const {
    return keys_[index(layer)].narrow(2, 0, end);
  }
  Tensor values(std::int64_t layer, std::int64_t end) const {
    return values_[index(layer)].narrow(2, 0, end);
  }

 private:
  static std::size_t index(std::int64_t layer) { return static_cast<std::size_t>(layer); }

  std::int64_t capacity_;
  std::int64_t length_ = 0;
  std::vector<Tensor> keys_;
  std::vector<Tensor> values_;
};

std::vector<Tensor> wrap_weights(const Parameters& parameters) {
  std::vector<Tensor> weights;
  for (const Parameter& parameter : parameters.tensors) {
    weights.push_back(wrap_values(parameters.weights.data(), parameter));
  }
  return weights;
}

// [1, 1, count, first + count]: a token sees itself and those before it.
Tensor causal_mask(std::int64_t first, std::int64_t count) {
  const Tensor query = at::arange(first, first + count, at::kLong).view({1, 1, count, 1});
  const Tensor key = at::arange(first + count, at::kLong).view({1, 1, 1, first + count});
  return key <= query;
}

class NativeOlmo2Decoder final : public LanguageModel {
 public:
  NativeOlmo2Decoder(const manifests::Config& config, const Parameters& parameters)
      : config_(config),
        dtype_(config.native.dtype == "bf16" ? at::kBFloat16 : at::kFloat),
        forward_(config, parameters, wrap_weights(parameters)) {}

  std::int64_t vocab_size() const override { return config_.model.vocab_size; }
  std::int64_t max_length() const override { return config_.data.sequence_length; }

  std::int64_t open(std::int64_t capacity) override {
    REPRO_CHECK(capacity >= 1 && capacity <= max_length());
    return caches_.add(std::make_unique<TensorCache>(config_.model, dtype_, capacity));
  }

  void close(std::int64_t sequence) override { caches_.close(sequence); }
  std::int64_t length(std::int64_t sequence) const override {
    return caches_.at(sequence).length();
  }

  void extend(std::span<const Extension> batch, const LogitsSink& sink) override {
    at::AutoGradMode without_gradient(false);
    caches_.check(batch, vocab_size());
    for (std::size_t i = 0; i < batch.size(); ++i) extend_one(i, batch[i], sink);
  }

 private:
  void extend_one(std::size_t item, const Extension& extension, const LogitsSink& sink) {
    TensorCache& cache = caches_.at(extension.sequence);
    const std::int64_t first = cache.length();
    const auto count = static_cast<std::int64_t>(extension.tokens.size());
    const std::vector<std::int64_t> ids(extension.tokens.begin(), extension.tokens.end());
    std::optional<Tensor> mask;  // the first tokens are as in training
    if (first > 0) mask = causal_mask(first, count);
    const Tensor hidden =
        forward_.hidden(at::tensor(ids).view({1, count}), first,
                        [&](std::int64_t layer, const Tensor& q, const Tensor& k, const Tensor& v) {
                          cache.store(layer, k, v);
                          return forward_.attention(q, cache.keys(layer, first + count),
                                                    cache.values(layer, first + count), mask);
                        });
    cache.grow(count);
    if (extension.logits == LogitsOf::none) return;
    const std::int64_t begin = extension.logits == LogitsOf::all ? 0 : count - 1;
    for (std::int64_t row = begin; row < count; row += kLogitRows) {
      const std::int64_t rows = std::min(kLogitRows, count - row);
      give_logits(item, first + row, hidden[0].narrow(0, row, rows), sink);
    }
  }

  // Of the positions from `first` on, [rows, D].
  void give_logits(std::size_t item, std::int64_t first, const Tensor& hidden,
                   const LogitsSink& sink) const {
    const Tensor logits = forward_.logits(hidden).contiguous();
    if (!at::isfinite(logits).all().item<bool>()) {
      throw Error(Code::invalid_argument,
                  "non-finite logits at the positions from " + std::to_string(first) + " on",
                  "the weights hold such values, or are so large that float32 does not hold what "
                  "comes of them");
    }
    const auto vocab = static_cast<std::size_t>(vocab_size());
    float* values = logits.data_ptr<float>();
    for (std::int64_t row = 0; row < hidden.size(0); ++row) {
      sink(item, first + row, {values + row * vocab_size(), vocab});
    }
  }

  manifests::Config config_;
  at::ScalarType dtype_;  // of keys and values
  Olmo2Forward forward_;
  OpenSequences<TensorCache> caches_;
};

}  // namespace

std::unique_ptr<LanguageModel> make_native_olmo2_decoder(const manifests::Config& config,
                                                         int threads,
                                                         const Parameters& parameters) {
  REPRO_CHECK(config.run.device == "cpu");
  set_deterministic(threads);  // before anything is computed
  return std::make_unique<NativeOlmo2Decoder>(config, parameters);
}

}  // namespace repro::train
