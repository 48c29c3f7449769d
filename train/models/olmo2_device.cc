#include "train/models/olmo2_device.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "train/device/head.h"
#include "train/device/leaf_digests.h"
#include "train/device/optimizer.h"
#include "train/device/planning_device.h"
#include "train/models/kept_layers.h"
#include "train/models/olmo2_device_layers.h"

namespace repro::train {
namespace {

// For cuBLASLt's workspace and what memory is lost between blocks.
constexpr std::int64_t kHeadroom = std::int64_t{256} << 20;
// Enough work for one launch on any GPU so far.
constexpr std::int64_t kMicroBatchTokens = 8192;

// The first sequences of a batch, with the groups that lie within them.
MicroBatch first_sequences(const MicroBatch& batch, std::int64_t sequences) {
  MicroBatch part = batch;
  const std::int64_t rows = sequences * batch.length;
  part.ids = batch.ids.first(static_cast<std::size_t>(rows));
  part.sequences = sequences;
  part.groups.clear();
  for (const RowRange& group : batch.groups) {
    if (group.begin < rows) part.groups.push_back({group.begin, std::min(group.end, rows)});
  }
  return part;
}

std::string gib(std::int64_t bytes) {
  return decimal_text(std::ceil(static_cast<double>(bytes) / (1 << 30) * 10) / 10) + " GiB";
}

std::int64_t needed_bytes(const manifests::Config& config, Parameters& parameters,
                          const MicroBatch& batch, const DeviceTiles& tiles) {
  return device_bytes(config, parameters, batch, tiles) + kHeadroom;
}

// What to do about a batch that does not fit into `free` bytes: the largest one that does, and
// what recomputing makes of that.
std::string room_hint(manifests::Config config, Parameters& parameters, const MicroBatch& batch,
                      const DeviceTiles& tiles, std::int64_t free) {
  const auto need = [&](std::int64_t sequences) {
    return needed_bytes(config, parameters, first_sequences(batch, sequences), tiles);
  };
  const auto largest = [&](std::int64_t most) {
    while (most > 0 && need(most) > free) --most;
    return most;
  };
  std::string hint;
  const std::int64_t fits = largest(batch.sequences - 1);
  if (fits > 0) hint = "--micro-batch " + std::to_string(fits) + " fits";
  if (!config.run.recompute) {
    config.run.recompute = true;
    const std::int64_t recomputed = largest(batch.sequences);
    if (recomputed > fits) {
      hint += (hint.empty() ? "" : ", or ") + std::string("--micro-batch ") +
              std::to_string(recomputed) + " with --recompute true";
    }
  }
  if (!hint.empty()) return hint + ", with the same bits";
  return "one sequence needs " + gib(need(1)) +
         " with --recompute true: take a GPU with more memory, a smaller model or a shorter "
         "data.sequence_length";
}

// For a batch that does not fit into `free` bytes.
[[noreturn]] void fail_room(const manifests::Config& config, Parameters& parameters,
                            const MicroBatch& batch, const DeviceTiles& tiles, std::int64_t free) {
  throw Error(Code::environment,
              "the GPU has no room for micro-batches of " + std::to_string(batch.sequences) +
                  " sequences of " + std::to_string(batch.length) +
                  " tokens: " + gib(needed_bytes(config, parameters, batch, tiles)) + " needed, " +
                  gib(free) + " free",
              room_hint(config, parameters, batch, tiles, free));
}

class DeviceOlmo2 final : public Backend {
 public:
  DeviceOlmo2(const manifests::Config& config, std::unique_ptr<Device> device,
              Parameters& parameters, const DeviceTiles& tiles)
      : config_(config),
        parameters_(parameters),
        tiles_(tiles),
        device_(std::move(device)),
        free_(device_->memory().free),
        context_(*device_, tiles.product_bytes),
        kept_(config, *device_),
        scratch_(*device_, tiles.queries),
        embedding_(parameters.at("model.embed_tokens.weight")),
        final_norm_(parameters.at("model.norm.weight")),
        head_weight_(parameters.at("lm_head.weight")) {
    for (std::int64_t i = 0; i < config.model.num_layers; ++i) {
      layers_.emplace_back(*device_, parameters, i);
    }
    upload_rope(config.data.sequence_length);
  }

  std::string_view kernels() const override { return device_->name(); }
  std::int64_t micro_batch_tokens() const override {
    return micro_batch_ * config_.data.sequence_length;
  }

  void refresh() override {
    choose_micro_batch();
    state_.upload(parameters_);
    fetched_ = true;
    prepare_weights();
    context_.faults.check();
  }

  void fetch() override {
    if (fetched_) return;
    state_.download(parameters_);
    fetched_ = true;
  }

  // Where the device cannot hash a tensor, roots need `fetch`.
  bool leaves_parameters_alone() const override {
    return std::ranges::all_of(state_tensors(), can_hash);
  }

  std::vector<std::vector<Digest>> leaves() override {
    const std::vector<DeviceBytes> tensors = state_tensors();
    if (!std::ranges::all_of(tensors, can_hash)) return {};
    device_->enter({context_.step, "roots"});
    return leaf_digests(*device_, tensors);
  }

  void begin_step(std::int64_t step) override {
    context_.step = step;
    device_->enter({step, "gradient"});
    state_.gradient.clear();
  }

  LossSums accumulate(const MicroBatch& batch) override {
    make_room(batch);
    const StepShape shape = step_shape(config_.model, batch.sequences, batch.length);
    forward(batch, shape);
    dh_.resize(shape.rows() * shape.hidden);
    head_scratch_.totals.clear();
    head_loss_backward(context_, head_input(), head_, z_loss(), batch.groups, dh_.data(),
                       model().sink(head_weight_), head_scratch_);
    backward(batch, shape);
    return finish_losses();
  }

  LossSums evaluate(const MicroBatch& batch, Peaks* peaks) override {
    const NotingPeaks noting(context_, peaks);
    forward(batch, step_shape(config_.model, batch.sequences, batch.length));
    head_scratch_.totals.clear();
    head_loss(context_, head_input(), head_, z_loss(), head_scratch_);
    return finish_losses();
  }

  double gradient_norm(std::int64_t normalizer) override {
    return train::gradient_norm(context_, config_.train.gradient_unit, normalizer, state_);
  }

  void update(const UpdateConstants& constants, double norm) override {
    fetched_ = false;
    device_adamw(context_, config_.train.gradient_unit, constants, norm, parameters_, state_);
    prepare_weights();
    context_.faults.check();
  }

 private:
  float z_loss() const { return static_cast<float>(config_.loss.z_loss); }
  DeviceModel model() { return {context_, config_, parameters_, state_, rope_}; }
  HeadInput head_input() const {
    return {final_digits_, final_split_.data(), targets_.data(), host_targets_};
  }

  // In the order of Backend::leaves.
  std::vector<DeviceBytes> state_tensors() const {
    std::vector<DeviceBytes> tensors;
    for (const Parameter& tensor : parameters_.tensors) {
      for (const auto* buffer : {&state_.weights, &state_.exp_avg, &state_.exp_avg_sq}) {
        tensors.push_back({reinterpret_cast<const std::byte*>(buffer->data() + tensor.offset),
                           tensor.count * static_cast<std::int64_t>(sizeof(float))});
      }
    }
    return tensors;
  }

  void upload_rope(std::int64_t positions) {
    if (positions <= positions_) return;
    positions_ = positions;
    const RopeTable table(config_.model, positions);
    rope_.cosines.upload(table.cosines.span());
    rope_.sines.upload(table.sines.span());
  }

  void prepare_weights() {
    for (DeviceLayerWeights& layer : layers_) prepare_layer(model(), weight_digits_, layer);
    prepare_head(context_, head_weight_.name, model().weight(head_weight_), head_weight_.shape[0],
                 head_weight_.shape[1], head_);
  }

  // Leaves h_ (before the final norm), final_digits_, final_split_ and everything in kept_.
  void forward(const MicroBatch& batch, const StepShape& shape) {
    upload_rope(batch.length);
    const std::int64_t rows = shape.rows();
    const std::int64_t hidden = shape.hidden;
    host_ids_.assign(batch.ids.begin(), batch.ids.end());
    host_targets_ = next_token_targets(batch);
    ids_.upload(host_ids_);
    targets_.upload(host_targets_);
    h_.resize(rows * hidden);
    device_->enter({context_.step, embedding_.name});
    device_->run(GatherBatch{model().weight(embedding_), ids_.data(), rows, hidden,
                             kept_.stream_before(shape, 0, h_.data())});
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const LayerStream stream{kept_.stream_before(shape, i, h_.data()),
                               kept_.stream_before(shape, i + 1, h_.data())};
      layer_forward(model(), shape, layers_[i], stream, kept_.of(i), scratch_);
    }
    final_y_.resize(rows * hidden);
    final_r_.resize(rows);
    norm_forward(context_, final_norm_.name, {rows, hidden, shape.epsilon},
                 {h_.data(), hidden, model().weight(final_norm_), nullptr, final_y_.data(),
                  final_r_.data()});
    quantize(context_, final_norm_.name, final_y_.data(), rows, hidden, hidden, final_digits_,
             {1, &final_split_});
  }

  // dh_ holds the gradient of the final norm's output.
  void backward(const MicroBatch& batch, const StepShape& shape) {
    const std::int64_t hidden = shape.hidden;
    norm_backward(context_, {shape.rows(), hidden, shape.epsilon},
                  {dh_.data(), h_.data(), hidden, model().weight(final_norm_), final_r_.data(),
                   dh_.data(), hidden},
                  model().sink(final_norm_));
    for (std::size_t i = layers_.size(); i-- > 0;) {
      const float* in = kept_.stream_before(shape, i, h_.data());
      // Its output goes to h_, which nothing reads any more.
      if (kept_.is_lost(i)) {
        layer_forward(model(), shape, layers_[i], {in, h_.data()}, kept_.of(i), scratch_);
      }
      layer_backward(model(), shape, layers_[i], batch.groups, in, kept_.of(i), dh_.data(),
                     scratch_);
    }
    embedding_gradient(shape);
  }

  // Each token adds its row.
  void embedding_gradient(const StepShape& shape) {
    const GradientSink gradient = model().sink(embedding_);
    const std::int64_t hidden = shape.hidden;
    device_->enter({context_.step, embedding_.name});
    device_->run(FindNonFiniteBatch{
        dh_.data(), shape.rows() * hidden,
        context_.watch_finite("embedding gradient", "gradient of the first layer's input")});
    AddUnitsBatch add;
    add.x = dh_.data();
    add.rows = shape.rows();
    add.cols = hidden;
    add.ld = hidden;
    add.index = ids_.data();
    add.unit = gradient.unit;
    add.limit = gradient.limit;
    add.units = gradient.units;
    add.first_overflow = context_.watch_gradient_rows(embedding_.name, hidden, host_ids_);
    device_->run(add);
  }

  // The largest default micro-batch that fits. A model for which not even one sequence does is
  // refused before its state is uploaded.
  void choose_micro_batch() {
    if (micro_batch_ > 0) return;
    const std::int64_t length = config_.data.sequence_length;
    micro_batch_ = std::max<std::int64_t>(1, kMicroBatchTokens / length);
    const std::vector<std::uint32_t> ids(static_cast<std::size_t>(micro_batch_ * length));
    MicroBatch batch;
    batch.ids = ids;
    batch.sequences = micro_batch_;
    batch.length = length;
    for (std::int64_t i = 0; i < micro_batch_; ++i) {
      batch.groups.push_back({i * length, (i + 1) * length});
    }
    while (micro_batch_ > 1 && !fits(first_sequences(batch, micro_batch_))) micro_batch_ /= 2;
    make_room(first_sequences(batch, micro_batch_));
  }
  // Looks at the largest micro-batch so far.
  bool fits(const MicroBatch& batch) {
    const auto tokens = static_cast<std::int64_t>(batch.ids.size());
    if (tokens <= planned_tokens_ || free_ == kEndlessMemory) return true;
    if (device_bytes(config_, parameters_, batch, tiles_) + kHeadroom > free_) return false;
    planned_tokens_ = tokens;
    return true;
  }

  void make_room(const MicroBatch& batch) {
    if (!fits(batch)) fail_room(config_, parameters_, batch, tiles_, free_);
  }

  LossSums finish_losses() {
    const LossSums sums = read_totals(head_scratch_);
    context_.faults.check();
    return sums;
  }

  manifests::Config config_;
  Parameters& parameters_;
  bool fetched_ = true;  // parameters_ hold the state
  DeviceTiles tiles_;
  std::unique_ptr<Device> device_;
  std::int64_t free_ = 0;            // before this trainer took any
  std::int64_t planned_tokens_ = 0;  // of the largest micro-batch known to fit
  std::int64_t micro_batch_ = 0;     // sequences, by default
  DeviceContext context_;
  DeviceState state_{*device_};
  DeviceRope rope_{*device_};
  std::int64_t positions_ = 0;  // of rope_
  std::vector<DeviceLayerWeights> layers_;
  KeptLayers<DeviceLayerActivations, DeviceArray<float>> kept_;
  DeviceLayerScratch scratch_;
  DeviceHead head_{*device_};
  DeviceHeadScratch head_scratch_{*device_};
  DeviceArray<std::int16_t> weight_digits_{*device_};
  std::vector<std::int32_t> host_ids_;
  std::vector<std::int32_t> host_targets_;
  DeviceArray<std::int32_t> ids_{*device_};
  DeviceArray<std::int32_t> targets_{*device_};
  DeviceArray<float> h_{*device_};
  DeviceArray<float> dh_{*device_};
  DeviceArray<float> final_y_{*device_};
  DeviceArray<float> final_r_{*device_};
  DeviceQuantized final_digits_{*device_};
  DeviceArray<std::int8_t> final_split_{*device_};
  const Parameter& embedding_;
  const Parameter& final_norm_;
  const Parameter& head_weight_;
};

}  // namespace

std::int64_t device_bytes(const manifests::Config& config, Parameters& parameters,
                          const MicroBatch& batch, const DeviceTiles& tiles) {
  auto device = std::make_unique<PlanningDevice>();
  const PlanningDevice& plan = *device;
  DeviceOlmo2 model(config, std::move(device), parameters, tiles);
  model.refresh();
  model.begin_step(1);
  model.accumulate(batch);
  model.update({}, model.gradient_norm(1));
  return plan.peak_bytes();
}

std::unique_ptr<Backend> make_device_olmo2(const manifests::Config& config,
                                           std::unique_ptr<Device> device, Parameters& parameters,
                                           const DeviceTiles& tiles) {
  if (config.data.mask_documents) {
    throw Error(Code::unsupported,
                "data.mask_documents: in exact, a GPU cannot keep attention within documents yet",
                "train with --device cpu, or with --profile native");
  }
  return std::make_unique<DeviceOlmo2>(config, std::move(device), parameters, tiles);
}

}  // namespace repro::train
