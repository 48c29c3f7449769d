#include "train/native/olmo2_native.h"

// Only ATen headers: torch/torch.h costs twelve CPU-seconds a file and is banned.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/native/torch_cuda.h"
#include "train/optim/adamw.h"

namespace repro::train {
namespace {

using at::Tensor;

constexpr std::int64_t kGpuMicroBatchTokens = 8192;  // enough work for one launch

// Every switch that LibTorch has against varying results, set and read back; those of a GPU only:
// prepare_torch_cuda().
void set_deterministic(int threads) {
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(true, false);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
  at::set_num_threads(threads);
  const bool kept = context.deterministicAlgorithms() &&
                    !context.deterministicAlgorithmsWarnOnly() && context.deterministicCuDNN() &&
                    !context.benchmarkCuDNN() && at::get_num_threads() == threads;
  if (!kept) {
    throw Error(Code::environment, "LibTorch does not keep its deterministic switches");
  }
}

Tensor rms_norm(const Tensor& x, const Tensor& gain, double epsilon) {
  return x * at::rsqrt(x.pow(2).mean(-1, true) + epsilon) * gain;
}

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
        shared_(state == NativeState::shared),
        bf16_(config.native.dtype == "bf16") {
    REPRO_CHECK(device_.is_cpu() || !shared_);
    set_deterministic(threads);
    for (const Parameter& tensor : parameters.tensors) {
      engine_.push_back(view(tensor));
      state_.push_back(shared_ ? engine_.back() : allocate(tensor));
      state_.back().weight.requires_grad_(true);
    }
    make_rope();
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
    const Losses losses = forward(batch);
    (losses.cross_entropy + losses.z).backward();
    return losses.sums;
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, step_);
  }

  LossSums evaluate(const MicroBatch& batch, Peaks* /*peaks*/) override try {
    at::AutoGradMode without_gradient(false);
    return forward(batch).sums;
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
    const auto wrap = [&](float* values) {
      return at::from_blob(values + tensor.offset, tensor.shape,
                           at::TensorOptions().dtype(at::kFloat));
    };
    return {wrap(parameters_.weights.data()), wrap(parameters_.exp_avg.data()),
            wrap(parameters_.exp_avg_sq.data())};
  }

  TensorState allocate(const Parameter& tensor) const {
    const auto options = at::TensorOptions().dtype(at::kFloat).device(device_);
    return {at::empty(tensor.shape, options), at::empty(tensor.shape, options),
            at::empty(tensor.shape, options)};
  }

  const Tensor& weight(const std::string& name) const {
    for (std::size_t i = 0; i < state_.size(); ++i) {
      if (parameters_.tensors[i].name == name) return state_[i].weight;
    }
    throw Error(Code::internal, "no parameter " + name);
  }

  void make_rope() {
    const std::int64_t head_dim = config_.model.head_dim();
    const auto options = at::TensorOptions().dtype(at::kDouble).device(device_);
    const Tensor index = at::arange(0, head_dim, 2, options);
    const Tensor frequency = at::pow(config_.model.rope_theta, -index / head_dim);
    const Tensor position = at::arange(config_.data.sequence_length, options);
    const Tensor angle = at::outer(position, frequency);
    cosines_ = at::cat({angle.cos(), angle.cos()}, -1).to(at::kFloat);
    sines_ = at::cat({angle.sin(), angle.sin()}, -1).to(at::kFloat);
  }

  Tensor rope(const Tensor& x) const {  // [B, heads, T, H]
    const std::int64_t half = x.size(-1) / 2;
    const Tensor rotated = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
    return x * cosines_ + rotated * sines_;
  }

  // As an operand of a product or of attention.
  Tensor narrow(const Tensor& x) const { return bf16_ ? x.to(at::kBFloat16) : x; }

  Tensor linear(const Tensor& x, const Tensor& w) const {
    return at::linear(narrow(x), narrow(w)).to(at::kFloat);
  }

  Tensor split_heads(const Tensor& x, std::int64_t heads) const {
    return x.view({x.size(0), x.size(1), heads, config_.model.head_dim()}).transpose(1, 2);
  }

  Tensor norm(const Tensor& x, const std::string& gain) const {
    return rms_norm(x, weight(gain), config_.model.rms_norm_eps);
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

  // The output of Wo.
  Tensor attention(const Tensor& h, const std::string& prefix) const {
    Tensor q = linear(h, weight(prefix + "self_attn.q_proj.weight"));
    Tensor k = linear(h, weight(prefix + "self_attn.k_proj.weight"));
    const Tensor v = linear(h, weight(prefix + "self_attn.v_proj.weight"));
    if (config_.model.qk_norm) {
      q = norm(q, prefix + "self_attn.q_norm.weight");
      k = norm(k, prefix + "self_attn.k_norm.weight");
    }
    const std::int64_t kv_heads = config_.model.num_kv_heads;
    const Tensor attended = at::scaled_dot_product_attention(
        narrow(rope(split_heads(q, config_.model.num_heads))),
        narrow(rope(split_heads(k, kv_heads))), narrow(split_heads(v, kv_heads)), mask_, 0.0,
        /*is_causal=*/!mask_, {},
        /*enable_gqa=*/kv_heads != config_.model.num_heads);
    const Tensor o = attended.transpose(1, 2).reshape({h.size(0), h.size(1), -1}).to(at::kFloat);
    return linear(o, weight(prefix + "self_attn.o_proj.weight"));
  }

  // The output of Wdown.
  Tensor feed_forward(const Tensor& h, const std::string& prefix) const {
    const Tensor a = at::silu(linear(h, weight(prefix + "mlp.gate_proj.weight"))) *
                     linear(h, weight(prefix + "mlp.up_proj.weight"));
    return linear(a, weight(prefix + "mlp.down_proj.weight"));
  }

  Tensor layer(const Tensor& h, std::int64_t index) const {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    if (config_.model.norm == "pre") {
      const Tensor middle = h + attention(norm(h, prefix + "input_layernorm.weight"), prefix);
      return middle +
             feed_forward(norm(middle, prefix + "post_attention_layernorm.weight"), prefix);
    }
    const Tensor middle =
        h + norm(attention(h, prefix), prefix + "post_attention_layernorm.weight");
    return middle +
           norm(feed_forward(middle, prefix), prefix + "post_feedforward_layernorm.weight");
  }

  // [B, 1]: 1 for a sequence whose targets count, 0 for one without loss.
  Tensor with_loss(const MicroBatch& batch) const {
    std::vector<float> factors(static_cast<std::size_t>(batch.sequences), 1.0F);
    for (std::size_t s = 0; s < batch.without_loss.size(); ++s) {
      if (batch.without_loss[s]) factors[s] = 0;
    }
    return at::tensor(factors).view({batch.sequences, 1}).to(device_);
  }

  Losses forward(const MicroBatch& batch) {
    mask_ = mask_of(batch);
    std::vector<std::int64_t> ids(batch.ids.begin(), batch.ids.end());
    const Tensor tokens = at::tensor(ids).view({batch.sequences, batch.length}).to(device_);
    Tensor h = at::embedding(weight("model.embed_tokens.weight"), tokens);
    for (std::int64_t i = 0; i < config_.model.num_layers; ++i) h = layer(h, i);
    h = norm(h, "model.norm.weight");
    const Tensor logits = linear(h.narrow(1, 0, batch.length - 1), weight("lm_head.weight"));
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
  bool bf16_ = false;                // of config_.native.dtype
  std::vector<TensorState> engine_;  // views of parameters_, in memory order
  std::vector<TensorState> state_;   // what is computed with: those views, or copies on device_
  bool fetched_ = true;              // parameters_ hold the state
  Tensor cosines_;
  Tensor sines_;
  std::optional<Tensor> mask_;  // of the micro-batch under way
  std::int64_t step_ = 0;
};

}  // namespace

std::unique_ptr<Backend> make_native_olmo2(const manifests::Config& config, int threads,
                                           Parameters& parameters, NativeState state) {
  return std::make_unique<NativeOlmo2>(config, threads, parameters, state);
}

}  // namespace repro::train
