#include "train/native/olmo2_native.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/native/deterministic.h"
#include "train/native/olmo2_forward.h"
#include "train/native/torch_cuda.h"
#include "train/optim/adamw.h"

namespace repro::train {
namespace {

using at::Tensor;

constexpr std::int64_t kGpuMicroBatchTokens = 8192;  // enough work for one launch

// Of one parameter.
struct TensorState {
  Tensor weight;
  Tensor exp_avg;
  Tensor exp_avg_sq;
};

void copy_state(const TensorState& from, const TensorState& to) {
  at::AutoGradMode without_gradient(false);
  to.weight.copy_(from.weight);
  to.exp_avg.copy_(from.exp_avg);
  to.exp_avg_sq.copy_(from.exp_avg_sq);
}

class NativeOlmo2 final : public Backend {
 public:
  NativeOlmo2(const manifests::Config& config, int threads, Parameters& parameters,
              NativeState state)
      : config_(config),
        parameters_(parameters),
        device_(config.run.device),
        shared_(state == NativeState::shared) {
    REPRO_CHECK(device_.is_cpu() || !shared_);
    set_deterministic(threads);
    for (const Parameter& tensor : parameters.tensors) {
      engine_.push_back(view(tensor));
      state_.push_back(shared_ ? engine_.back() : allocate(tensor));
      state_.back().weight.requires_grad_(true);
    }
    std::vector<Tensor> weights;
    for (const TensorState& tensor : state_) weights.push_back(tensor.weight);
    forward_.emplace(config, parameters, weights);
  }

  std::string_view kernels() const override {
    return device_.is_cpu() ? "libtorch" : "libtorch cuda";
  }

  void refresh() override try {
    if (shared_) return;
    for (std::size_t i = 0; i < state_.size(); ++i) copy_state(engine_[i], state_[i]);
    fetched_ = true;
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, step_);
  }

  void fetch() override try {
    if (shared_ || fetched_) return;
    for (std::size_t i = 0; i < state_.size(); ++i) copy_state(state_[i], engine_[i]);
    fetched_ = true;
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, step_);
  }

  std::int64_t micro_batch_tokens() const override {
    return device_.is_cpu() ? Backend::micro_batch_tokens() : kGpuMicroBatchTokens;
  }

  void begin_step(std::int64_t step) override {
    step_ = step;
    for (TensorState& tensor : state_) tensor.weight.mutable_grad() = Tensor();
  }

  LossSums accumulate(const MicroBatch& batch) override try {
    at::AutoGradMode with_gradient(true);
    const Tensor tokens = tokens_of(batch);
    if (config_.run.recompute) return accumulate_recomputing(batch, tokens);
    const Losses losses =
        losses_of(batch, tokens, forward_->hidden(tokens, 0, attend_within(mask_of(batch))));
    (losses.cross_entropy + losses.z).backward();
    return losses.sums;
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, step_);
  }

  LossSums evaluate(const MicroBatch& batch, Peaks* /*peaks*/) override try {
    at::AutoGradMode without_gradient(false);
    const Tensor tokens = tokens_of(batch);
    return losses_of(batch, tokens, forward_->hidden(tokens, 0, attend_within(mask_of(batch))))
        .sums;
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, step_);
  }

  double gradient_norm(std::int64_t normalizer) override try {
    at::AutoGradMode without_gradient(false);
    double squares = 0;
    for (const TensorState& tensor : state_) {
      squares += tensor.weight.grad().pow(2).sum(at::kDouble).item<double>();
    }
    const double norm = std::sqrt(squares) / static_cast<double>(normalizer);
    if (!std::isfinite(norm)) {
      throw Error(Code::invalid_argument, "non-finite gradient norm, step " + std::to_string(step_),
                  "resume from the last checkpoint with a smaller optimizer.learning_rate");
    }
    return norm;
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, step_);
  }

  void update(const UpdateConstants& constants, double norm) override try {
    at::AutoGradMode without_gradient(false);
    const double normalizer = static_cast<double>(constants.normalizer);
    const double clip =
        constants.clip_norm > 0 ? std::min(1.0, constants.clip_norm / (norm + 1e-6)) : 1.0;
    fetched_ = false;
    for (std::size_t i = 0; i < state_.size(); ++i) {
      update_tensor(i, constants, clip / normalizer);
    }
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, step_);
  }

 private:
  struct Losses {
    Tensor cross_entropy;  // summed over targets
    Tensor z;
    LossSums sums;
  };

  TensorState view(const Parameter& tensor) const {
    return {wrap_values(parameters_.weights.data(), tensor),
            wrap_values(parameters_.exp_avg.data(), tensor),
            wrap_values(parameters_.exp_avg_sq.data(), tensor)};
  }

  TensorState allocate(const Parameter& tensor) const {
    const auto options = at::TensorOptions().dtype(at::kFloat).device(device_);
    return {at::empty(tensor.shape, options), at::empty(tensor.shape, options),
            at::empty(tensor.shape, options)};
  }

  // Which keys each token sees, [B, 1, T, T], where attention does not cross documents; else
  // nothing.
  std::optional<Tensor> mask_of(const MicroBatch& batch) const {
    if (batch.begins.empty()) return std::nullopt;
    const std::vector<std::int64_t> begins(batch.begins.begin(), batch.begins.end());
    const Tensor first = at::tensor(begins).view({batch.sequences, 1, batch.length, 1});
    const Tensor key = at::arange(batch.length, at::kLong).view({1, 1, 1, batch.length});
    const Tensor query = key.view({1, 1, batch.length, 1});
    return ((key <= query) & (key >= first)).to(device_);
  }

  // [B, 1]: 1 for a sequence whose targets count, 0 for one without loss.
  Tensor with_loss(const MicroBatch& batch) const {
    std::vector<float> factors(static_cast<std::size_t>(batch.sequences), 1.0F);
    for (std::size_t s = 0; s < batch.without_loss.size(); ++s) {
      if (batch.without_loss[s]) factors[s] = 0;
    }
    return at::tensor(factors).view({batch.sequences, 1}).to(device_);
  }

  // [B, T]
  Tensor tokens_of(const MicroBatch& batch) const {
    const std::vector<std::int64_t> ids(batch.ids.begin(), batch.ids.end());
    return at::tensor(ids).view({batch.sequences, batch.length}).to(device_);
  }

  Olmo2Forward::Attend attend_within(const std::optional<Tensor>& mask) const {
    return [this, mask](std::int64_t /*layer*/, const Tensor& q, const Tensor& k, const Tensor& v) {
      return forward_->attention(q, k, v, mask);
    };
  }

  // Autograd sees one layer at a time: forward keeps the layers' inputs only, and what a layer's
  // backward needs is computed just before it. The same operators on the same values as in one
  // graph; each weight is used once in either, so the order of sums of gradients is the same too.
  LossSums accumulate_recomputing(const MicroBatch& batch, const Tensor& tokens) {
    const Olmo2Forward::Attend attend = attend_within(mask_of(batch));
    std::vector<Tensor> inputs;  // of the layers, and of the final norm
    {
      at::AutoGradMode without_gradient(false);
      inputs.push_back(forward_->embedded(tokens));
      for (std::int64_t i = 0; i < config_.model.num_layers; ++i) {
        inputs.push_back(forward_->layer(inputs.back(), 0, i, attend));
      }
    }
    // The gradient of the last of `inputs`, which goes with what it was used for.
    const auto take_gradient = [&inputs] {
      Tensor gradient = inputs.back().grad();
      inputs.pop_back();
      return gradient;
    };
    const LossSums sums = last_backward(batch, tokens, inputs.back().requires_grad_(true));
    for (std::int64_t i = config_.model.num_layers; i-- > 0;) {
      const Tensor gradient = take_gradient();
      forward_->layer(inputs.back().requires_grad_(true), 0, i, attend).backward(gradient);
    }
    forward_->embedded(tokens).backward(take_gradient());
    return sums;
  }

  // From what comes out of the last layer to the loss and back.
  LossSums last_backward(const MicroBatch& batch, const Tensor& tokens, const Tensor& h) {
    const Losses losses = losses_of(batch, tokens, forward_->normed(h));
    (losses.cross_entropy + losses.z).backward();
    return losses.sums;
  }

  // `hidden` [B, T, D]: what came out of the final norm.
  Losses losses_of(const MicroBatch& batch, const Tensor& tokens, const Tensor& hidden) {
    const Tensor logits = forward_->logits(hidden.narrow(1, 0, batch.length - 1));
    const Tensor targets = tokens.narrow(1, 1, batch.length - 1);
    const Tensor log_sum = at::logsumexp(logits, -1);
    const Tensor target_logits = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1);
    const Tensor counted = with_loss(batch);
    Losses losses;
    losses.cross_entropy = ((log_sum - target_logits) * counted).sum();
    losses.z = (log_sum.pow(2) * counted).sum() * config_.loss.z_loss;
    const auto units = [&](const Tensor& value) {
      const double nats = value.item<double>();
      if (!std::isfinite(nats)) {
        throw Error(Code::invalid_argument, "non-finite loss, step " + std::to_string(step_),
                    "resume from the last checkpoint with a smaller optimizer.learning_rate");
      }
      return std::llround(std::ldexp(nats, 30));
    };
    losses.sums.targets = counted.sum().item<std::int64_t>() * (batch.length - 1);
    losses.sums.cross_entropy = units(losses.cross_entropy);
    losses.sums.z_loss = units(losses.z);
    losses.sums.correct =
        logits.argmax(-1).eq(targets).logical_and(counted.ne(0)).sum().item<std::int64_t>();
    return losses;
  }

  // AdamW as the exact profile has it, on LibTorch's element-wise kernels.
  void update_tensor(std::size_t index, const UpdateConstants& constants, double factor) {
    const auto& [w, m, v] = state_[index];
    const Tensor gradient = w.grad() * factor;
    m.mul_(constants.beta1).add_(gradient, constants.one_minus_beta1);
    v.mul_(constants.beta2).addcmul_(gradient, gradient, constants.one_minus_beta2);
    const Tensor step =
        (m / constants.correction1) / ((v / constants.correction2).sqrt_() + constants.epsilon);
    if (decays(constants, parameters_.tensors[index].role)) w.sub_(w * constants.decay);
    w.sub_(step, constants.learning_rate);
  }

  manifests::Config config_;
  Parameters& parameters_;
  at::Device device_;
  bool shared_ = true;               // state_ are the views in engine_
  std::vector<TensorState> engine_;  // views of parameters_, in memory order
  std::vector<TensorState> state_;   // what is computed with: those views, or copies on device_
  bool fetched_ = true;              // parameters_ hold the state
  std::optional<Olmo2Forward> forward_;
  std::int64_t step_ = 0;
};

}  // namespace

std::unique_ptr<Backend> make_native_olmo2(const manifests::Config& config, int threads,
                                           Parameters& parameters, NativeState state) {
  return std::make_unique<NativeOlmo2>(config, threads, parameters, state);
}

}  // namespace repro::train
