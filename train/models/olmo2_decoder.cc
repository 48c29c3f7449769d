// A batch is ragged: the new tokens of all sequences are its rows, one after the other, without
// padding. Everything but attention works on rows; attention goes by sequence.
#include "train/models/olmo2_decoder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/models/kv_cache.h"
#include "train/models/olmo2_layers.h"
#include "train/models/open_sequences.h"

namespace repro::train {
namespace {

constexpr std::int64_t kLogitRows = 64;  // logits in memory at a time

class ExactOlmo2Decoder final : public LanguageModel {
 public:
  ExactOlmo2Decoder(const manifests::Config& config, KernelPath path, Parallel& parallel,
                    const Parameters& parameters)
      : config_(config),
        parameters_(parameters),
        rope_(config.model, config.data.sequence_length),
        embedding_(parameters.at("model.embed_tokens.weight")),
        final_norm_(parameters.at("model.norm.weight")) {
    context_.path = path;
    context_.parallel = &parallel;
    for (std::int64_t i = 0; i < config.model.num_layers; ++i) {
      layers_.emplace_back(layer_tensors(parameters, i));
      quantize_layer(context_, parameters, layers_.back());
    }
    const Parameter& head = parameters.at("lm_head.weight");
    quantize(context_, head.name, weight(head), head.shape[0], head.shape[1], head.shape[1],
             head_digits_);
  }

  std::int64_t vocab_size() const override { return config_.model.vocab_size; }
  std::int64_t max_length() const override { return config_.data.sequence_length; }

  std::int64_t open(std::int64_t capacity) override {
    REPRO_CHECK(capacity >= 1 && capacity <= max_length());
    const StepShape shape = step_shape(config_.model, 1, 0);
    return caches_.add(
        std::make_unique<KvCache>(shape.attention, config_.model.num_layers, capacity));
  }

  void close(std::int64_t sequence) override { caches_.close(sequence); }
  std::int64_t length(std::int64_t sequence) const override {
    return caches_.at(sequence).length();
  }

  void extend(std::span<const Extension> batch, const LogitsSink& sink) override {
    if (batch.empty()) return;
    caches_.check(batch, vocab_size());
    const StepShape shape = ragged_shape(batch);
    embed(batch);
    for (std::size_t i = 0; i < layers_.size(); ++i) run_layer(batch, shape, i);
    for (const Extension& item : batch) {
      caches_.at(item.sequence).grow(static_cast<std::int64_t>(item.tokens.size()));
    }
    give_logits(batch, shape, sink);
  }

 private:
  // A row whose logits somebody wants.
  struct Wanted {
    std::int64_t row = 0;
    std::size_t item = 0;
    std::int64_t position = 0;
  };

  const float* weight(const Parameter& parameter) const {
    return parameters_.weights.data() + parameter.offset;
  }

  // One long row of tokens; the ranges say whose they are.
  StepShape ragged_shape(std::span<const Extension> batch) const {
    std::vector<PositionRange> ranges;
    std::int64_t rows = 0;
    for (const Extension& item : batch) {
      const auto count = static_cast<std::int64_t>(item.tokens.size());
      ranges.push_back({rows, caches_.at(item.sequence).length(), count});
      rows += count;
    }
    StepShape shape = step_shape(config_.model, 1, rows);
    shape.ranges = std::move(ranges);
    return shape;
  }

  void embed(std::span<const Extension> batch) {
    const std::int64_t hidden = config_.model.hidden_size;
    std::int64_t rows = 0;
    for (const Extension& item : batch) rows += static_cast<std::int64_t>(item.tokens.size());
    h_.resize(rows * hidden);
    float* h = h_.data();
    for (const Extension& item : batch) {
      for (const std::uint32_t id : item.tokens) {
        std::copy_n(weight(embedding_) + static_cast<std::int64_t>(id) * hidden, hidden, h);
        h += hidden;
      }
    }
  }

  void run_layer(std::span<const Extension> batch, const StepShape& shape, std::size_t index) {
    const LayerWeights& layer = layers_[index];
    const auto number = static_cast<std::int64_t>(index);
    layer_heads(context_, shape, rope_, parameters_, layer, h_.data(), layer_, scratch_);
    const std::int64_t width = shape.attention.width();
    layer_.o.resize(shape.rows() * width);
    std::vector<AttentionSpan> spans;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const PositionRange& range = shape.ranges[i];
      KvCache& seen = caches_.at(batch[i].sequence);
      seen.store(number, layer_.heads, shape.rows(), range);
      AttentionSpan span;
      span.first = range.first;
      span.count = range.count;
      span.q = {layer_.heads.q.digits.data() + range.row * width,
                layer_.heads.q.exponents.data() + range.row, width, shape.rows(), range.first};
      span.k = seen.keys(number);
      span.v = seen.values(number);
      span.o = layer_.o.data() + range.row * width;
      spans.push_back(span);
    }
    attention(context_, shape.attention, spans);
    const LayerStream stream{h_.data(), h_.data()};
    layer_rest(context_, shape, parameters_, layer, stream, layer_, scratch_);
  }

  static std::vector<Wanted> wanted_rows(std::span<const Extension> batch, const StepShape& shape) {
    std::vector<Wanted> wanted;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch[i].logits == LogitsOf::none) continue;
      const PositionRange& range = shape.ranges[i];
      const std::int64_t begin = batch[i].logits == LogitsOf::all ? 0 : range.count - 1;
      for (std::int64_t k = begin; k < range.count; ++k) {
        wanted.push_back({range.row + k, i, range.first + k});
      }
    }
    return wanted;
  }

  void give_logits(std::span<const Extension> batch, const StepShape& shape,
                   const LogitsSink& sink) {
    const std::vector<Wanted> wanted = wanted_rows(batch, shape);
    for (std::size_t begin = 0; begin < wanted.size(); begin += kLogitRows) {
      const std::size_t count = std::min<std::size_t>(kLogitRows, wanted.size() - begin);
      logits_of(std::span(wanted).subspan(begin, count), sink);
    }
  }

  void logits_of(std::span<const Wanted> wanted, const LogitsSink& sink) {
    const auto rows = static_cast<std::int64_t>(wanted.size());
    const std::int64_t hidden = config_.model.hidden_size;
    const std::int64_t vocab = vocab_size();
    const StepShape shape = step_shape(config_.model, 1, rows);
    picked_.resize(rows * hidden);
    for (std::int64_t r = 0; r < rows; ++r) {
      const Wanted& row = wanted[static_cast<std::size_t>(r)];
      std::copy_n(h_.data() + row.row * hidden, hidden, picked_.data() + r * hidden);
    }
    normed_.resize(rows * hidden);
    norm_r_.resize(rows);
    norm_forward(context_, shape, picked_.data(), hidden, weight(final_norm_), hidden, nullptr,
                 normed_.data(), norm_r_.data());
    quantize(context_, final_norm_.name, normed_.data(), rows, hidden, hidden, normed_digits_);
    logits_.resize(rows * vocab);
    linear(context_, normed_digits_, head_digits_, logits_.data(), vocab);
    check_finite_rows(context_, {"softmax", "logits"}, logits_.data(), rows, vocab, vocab, 0);
    context_.parallel->run(rows, [&](std::int64_t r) {
      const Wanted& row = wanted[static_cast<std::size_t>(r)];
      sink(row.item, row.position, {logits_.data() + r * vocab, static_cast<std::size_t>(vocab)});
    });
  }

  manifests::Config config_;
  Context context_;
  const Parameters& parameters_;
  RopeTable rope_;
  const Parameter& embedding_;
  const Parameter& final_norm_;
  std::vector<LayerWeights> layers_;
  Quantized head_digits_;
  OpenSequences<KvCache> caches_;
  LayerActivations layer_;  // one layer's at a time
  LayerScratch scratch_;
  Buffer<float> h_;
  Buffer<float> picked_;
  Buffer<float> normed_;
  Buffer<float> norm_r_;
  Quantized normed_digits_;
  Buffer<float> logits_;
};

}  // namespace

std::unique_ptr<LanguageModel> make_exact_olmo2_decoder(const manifests::Config& config,
                                                        KernelPath path, Parallel& parallel,
                                                        const Parameters& parameters) {
  return std::make_unique<ExactOlmo2Decoder>(config, path, parallel, parameters);
}

}  // namespace repro::train
