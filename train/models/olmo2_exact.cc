// Shape legend: R rows (tokens of the micro-batch), D hidden size, A attention width (= D), K KV
// width, F ffn width. Activations kept for backward are the q15 digits that the products consumed,
// and the floats that norms and SwiGLU need again.
#include "train/models/olmo2_exact.h"

#include <algorithm>
#include <string>

#include "train/models/kept_layers.h"
#include "train/models/olmo2_layers.h"
#include "train/optim/adamw.h"

namespace repro::train {
namespace {

class ExactOlmo2 final : public Backend {
 public:
  ExactOlmo2(const manifests::Config& config, KernelPath path, Parallel& parallel,
             Parameters& parameters)
      : config_(config),
        parameters_(parameters),
        positions_(config.data.sequence_length),
        rope_(config.model, positions_),
        kept_(config) {
    context_.path = path;
    context_.parallel = &parallel;
    for (std::int64_t i = 0; i < config.model.num_layers; ++i) {
      layers_.emplace_back(layer_tensors(parameters, i));
    }
    embedding_ = &parameters.at("model.embed_tokens.weight");
    final_norm_ = &parameters.at("model.norm.weight");
    head_ = &parameters.at("lm_head.weight");
  }

  std::string_view kernels() const override { return context_.path.name; }

  void refresh() override {
    const TraceSpan span(context_.trace(), "weights");
    for (LayerWeights& layer : layers_) quantize_layer(context_, parameters_, layer);
    quantize(context_, head_->name, parameters_.weights.data() + head_->offset, head_->shape[0],
             head_->shape[1], head_->shape[1], head_digits_);
  }

  void begin_step(std::int64_t step) override {
    context_.step = step;
    const TraceSpan span(context_.trace(), "zero gradient");
    parameters_.zero_gradient(*context_.parallel);
  }

  LossSums accumulate(const MicroBatch& batch) override {
    const StepShape shape = step_shape(config_.model, batch.sequences, batch.length, batch.begins);
    forward(batch, shape);
    const std::vector<std::int32_t> targets = next_token_targets(batch);
    dh_.resize(shape.rows() * shape.hidden);
    const LossSums sums =
        head_loss_backward(context_, final_digits_, head_digits_, z_loss(), targets, batch.groups,
                           dh_.data(), sink(*head_), head_scratch_);
    backward(batch, shape);
    return sums;
  }

  LossSums evaluate(const MicroBatch& batch, Peaks* peaks) override {
    const NotingPeaks noting(context_, peaks);
    forward(batch, step_shape(config_.model, batch.sequences, batch.length, batch.begins));
    const std::vector<std::int32_t> targets = next_token_targets(batch);
    return head_loss(context_, final_digits_, head_digits_, z_loss(), targets, head_scratch_);
  }

  double gradient_norm(std::int64_t normalizer) override {
    return train::gradient_norm(context_, parameters_, config_.train.gradient_unit, normalizer);
  }

  void update(const UpdateConstants& constants, double norm) override {
    exact_adamw(context_, config_.train.gradient_unit, constants, norm, parameters_);
    refresh();
  }

 private:
  float z_loss() const { return static_cast<float>(config_.loss.z_loss); }

  GradientSink sink(const Parameter& parameter) {
    return gradient_sink(config_, parameters_.gradient.data(), parameter);
  }

  // Leaves h_ (before the final norm), final_digits_ and everything in kept_.
  void forward(const MicroBatch& batch, const StepShape& shape) {
    if (batch.length > positions_) {
      positions_ = batch.length;
      rope_ = RopeTable(config_.model, positions_);
    }
    const std::int64_t rows = shape.rows();
    const std::int64_t hidden = shape.hidden;
    h_.resize(rows * hidden);
    const float* table = parameters_.weights.data() + embedding_->offset;
    float* first = kept_.stream_before(shape, 0, h_.data());
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto id = static_cast<std::int64_t>(batch.ids[static_cast<std::size_t>(r)]);
      std::copy_n(table + id * hidden, hidden, first + r * hidden);
    }
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const TraceSpan span(context_.trace(), "forward", {.layer = static_cast<std::int64_t>(i)});
      const LayerStream stream{kept_.stream_before(shape, i, h_.data()),
                               kept_.stream_before(shape, i + 1, h_.data())};
      layer_forward(context_, shape, rope_, parameters_, layers_[i], stream, kept_.of(i), scratch_);
    }
    final_y_.resize(rows * hidden);
    final_r_.resize(rows);
    norm_forward(context_, shape, h_.data(), hidden, weight(*final_norm_), hidden, nullptr,
                 final_y_.data(), final_r_.data());
    quantize(context_, final_norm_->name, final_y_.data(), rows, hidden, hidden, final_digits_);
  }

  // dh_ holds the gradient of the final norm's output.
  void backward(const MicroBatch& batch, const StepShape& shape) {
    const std::int64_t hidden = shape.hidden;
    norm_backward(context_, shape, dh_.data(), h_.data(), hidden, *final_norm_,
                  weight(*final_norm_), hidden, final_r_.data(), dh_.data(), sink(*final_norm_));
    for (std::size_t i = layers_.size(); i-- > 0;) {
      const float* in = kept_.stream_before(shape, i, h_.data());
      if (kept_.is_lost(i)) forward_again(shape, i, in);
      const TraceSpan span(context_.trace(), "backward", {.layer = static_cast<std::int64_t>(i)});
      layer_backward(context_, shape, rope_, config_, parameters_, layers_[i], batch.groups, in,
                     kept_.of(i), dh_.data(), scratch_);
    }
    embedding_gradient(batch, hidden);
  }

  // Of the layer's forward, what it kept. Its output goes to h_, which nothing reads any more.
  void forward_again(const StepShape& shape, std::size_t layer, const float* in) {
    const TraceSpan span(context_.trace(), "recompute",
                         {.layer = static_cast<std::int64_t>(layer)});
    layer_forward(context_, shape, rope_, parameters_, layers_[layer], {in, h_.data()},
                  kept_.of(layer), scratch_);
  }

  // Each token adds its row; threads split the columns, so no row is shared.
  void embedding_gradient(const MicroBatch& batch, std::int64_t hidden) {
    const GradientSink gradient = sink(*embedding_);
    const TraceSpan span(context_.trace(), "embedding gradient");
    check_finite(context_, {"embedding gradient", "gradient of the first layer's input"},
                 dh_.data(), static_cast<std::int64_t>(batch.ids.size()) * hidden);
    context_.parallel->run_ranges(hidden, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::size_t r = 0; r < batch.ids.size(); ++r) {
        const auto row = static_cast<std::int64_t>(r);
        const std::int64_t at = static_cast<std::int64_t>(batch.ids[r]) * hidden + begin;
        const std::int64_t overflow =
            context_.rows().add_units(dh_.data() + row * hidden + begin, 1.0F, end - begin,
                                      gradient.unit, gradient.limit, gradient.units + at);
        if (overflow >= 0) fail_gradient_overflow(gradient.tensor, at + overflow, context_.step);
      }
    });
  }

  const float* weight(const Parameter& parameter) const {
    return parameters_.weights.data() + parameter.offset;
  }

  manifests::Config config_;
  Context context_;
  Parameters& parameters_;
  std::int64_t positions_ = 0;  // of rope_
  RopeTable rope_;
  const Parameter* embedding_ = nullptr;
  const Parameter* final_norm_ = nullptr;
  const Parameter* head_ = nullptr;
  std::vector<LayerWeights> layers_;
  KeptLayers<LayerActivations, Buffer<float>> kept_;
  LayerScratch scratch_;
  HeadScratch head_scratch_;
  Quantized head_digits_;
  Quantized final_digits_;
  Buffer<float> h_;
  Buffer<float> dh_;
  Buffer<float> final_y_;
  Buffer<float> final_r_;
};

}  // namespace

std::vector<std::int32_t> next_token_targets(const MicroBatch& batch) {
  std::vector<std::int32_t> targets(batch.ids.size(), kNoTarget);
  for (std::size_t r = 0; r < batch.ids.size(); ++r) {
    const auto row = static_cast<std::int64_t>(r);
    const auto sequence = static_cast<std::size_t>(row / batch.length);
    if (!batch.without_loss.empty() && batch.without_loss[sequence]) continue;
    const std::int64_t position = row % batch.length;
    if (position + 1 < batch.length - batch.padding)
      targets[r] = static_cast<std::int32_t>(batch.ids[r + 1]);
  }
  return targets;
}

std::unique_ptr<Backend> make_exact_olmo2(const manifests::Config& config, KernelPath path,
                                          Parallel& parallel, Parameters& parameters) {
  return std::make_unique<ExactOlmo2>(config, path, parallel, parameters);
}

}  // namespace repro::train
