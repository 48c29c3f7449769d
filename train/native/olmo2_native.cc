// OLMo 2 on LibTorch's own kernels, with autograd: the profile `native`. Its promise is the
// field's usual one (same software, same CPU, same thread count), so the derivation binds those;
// see docs/determinism.md. Same parameters, order, schedule and log as the exact profile.
// float32; with native.dtype bf16 products and attention have bfloat16 operands and results, as
// mixed-precision training has them, and everything between them stays float32.
//
// Only ATen headers: torch/torch.h costs twelve CPU-seconds a file and is banned.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
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
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "train/models/native_api.h"
#include "train/optim/adamw.h"

namespace repro::train {
namespace {

using at::Tensor;

// Every switch that LibTorch has against varying results, set and read back.
void set_deterministic(int threads) {
  at::globalContext().setDeterministicAlgorithms(true, false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
  at::set_num_threads(threads);
  if (!at::globalContext().deterministicAlgorithms() || at::get_num_threads() != threads) {
    throw Error(Code::environment, "LibTorch does not keep its deterministic switches");
  }
}

Tensor rms_norm(const Tensor& x, const Tensor& gain, double epsilon) {
  return x * at::rsqrt(x.pow(2).mean(-1, true) + epsilon) * gain;
}

class NativeOlmo2 final : public Backend {
 public:
  NativeOlmo2(const manifests::Config& config, int threads, Parameters& parameters)
      : config_(config), parameters_(parameters), bf16_(config.native.dtype == "bf16") {
    set_deterministic(threads);
    for (const Parameter& tensor : parameters.tensors) {
      Tensor weight = at::from_blob(parameters.weights.data() + tensor.offset, tensor.shape,
                                    at::TensorOptions().dtype(at::kFloat));
      weight.requires_grad_(true);
      weights_.push_back(weight);
    }
    make_rope();
  }

  std::string_view kernels() const override { return "libtorch"; }
  void refresh() override {}

  void begin_step(std::int64_t step) override {
    step_ = step;
    for (Tensor& weight : weights_) weight.mutable_grad() = Tensor();
  }

  LossSums accumulate(const MicroBatch& batch) override {
    at::AutoGradMode with_gradient(true);
    const Losses losses = forward(batch);
    (losses.cross_entropy + losses.z).backward();
    return losses.sums;
  }

  LossSums evaluate(const MicroBatch& batch, Peaks* /*peaks*/) override {
    at::AutoGradMode without_gradient(false);
    return forward(batch).sums;
  }

  double update(const UpdateConstants& constants) override {
    at::AutoGradMode without_gradient(false);
    double squares = 0;
    for (const Tensor& weight : weights_) {
      squares += weight.grad().pow(2).sum(at::kDouble).item<double>();
    }
    const double normalizer = static_cast<double>(constants.normalizer);
    const double norm = std::sqrt(squares) / normalizer;
    if (!std::isfinite(norm)) {
      throw Error(Code::invalid_argument, "non-finite gradient norm, step " + std::to_string(step_),
                  "resume from the last checkpoint with a smaller optimizer.learning_rate");
    }
    const double clip =
        constants.clip_norm > 0 ? std::min(1.0, constants.clip_norm / (norm + 1e-6)) : 1.0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      update_tensor(i, constants, clip / normalizer);
    }
    return norm;
  }

 private:
  struct Losses {
    Tensor cross_entropy;  // summed over targets
    Tensor z;
    LossSums sums;
  };

  const Tensor& weight(const std::string& name) const {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (parameters_.tensors[i].name == name) return weights_[i];
    }
    throw Error(Code::internal, "no parameter " + name);
  }

  void make_rope() {
    const std::int64_t head_dim = config_.model.head_dim();
    const auto options = at::TensorOptions().dtype(at::kDouble);
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

  Tensor layer(const Tensor& h, std::int64_t index) const {
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    const auto w = [&](const char* name) { return weight(prefix + name); };
    const double epsilon = config_.model.rms_norm_eps;
    const Tensor q =
        rms_norm(linear(h, w("self_attn.q_proj.weight")), w("self_attn.q_norm.weight"), epsilon);
    const Tensor k =
        rms_norm(linear(h, w("self_attn.k_proj.weight")), w("self_attn.k_norm.weight"), epsilon);
    const Tensor v = linear(h, w("self_attn.v_proj.weight"));
    const std::int64_t kv_heads = config_.model.num_kv_heads;
    const Tensor attended = at::scaled_dot_product_attention(
        narrow(rope(split_heads(q, config_.model.num_heads))),
        narrow(rope(split_heads(k, kv_heads))), narrow(split_heads(v, kv_heads)), {}, 0.0,
        /*is_causal=*/true, {},
        /*enable_gqa=*/kv_heads != config_.model.num_heads);
    const Tensor o = attended.transpose(1, 2).reshape({h.size(0), h.size(1), -1}).to(at::kFloat);
    const Tensor middle = h + rms_norm(linear(o, w("self_attn.o_proj.weight")),
                                       w("post_attention_layernorm.weight"), epsilon);
    const Tensor a = at::silu(linear(middle, w("mlp.gate_proj.weight"))) *
                     linear(middle, w("mlp.up_proj.weight"));
    return middle + rms_norm(linear(a, w("mlp.down_proj.weight")),
                             w("post_feedforward_layernorm.weight"), epsilon);
  }

  Losses forward(const MicroBatch& batch) const {
    std::vector<std::int64_t> ids(batch.ids.begin(), batch.ids.end());
    const Tensor tokens = at::tensor(ids).view({batch.sequences, batch.length});
    Tensor h = at::embedding(weight("model.embed_tokens.weight"), tokens);
    for (std::int64_t i = 0; i < config_.model.num_layers; ++i) h = layer(h, i);
    h = rms_norm(h, weight("model.norm.weight"), config_.model.rms_norm_eps);
    const Tensor logits = linear(h.narrow(1, 0, batch.length - 1), weight("lm_head.weight"));
    const Tensor targets = tokens.narrow(1, 1, batch.length - 1);
    const Tensor log_sum = at::logsumexp(logits, -1);
    const Tensor target_logits = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1);
    Losses losses;
    losses.cross_entropy = (log_sum - target_logits).sum();
    losses.z = log_sum.pow(2).sum() * config_.loss.z_loss;
    const auto units = [&](const Tensor& value) {
      const double nats = value.item<double>();
      if (!std::isfinite(nats)) {
        throw Error(Code::invalid_argument, "non-finite loss, step " + std::to_string(step_),
                    "resume from the last checkpoint with a smaller optimizer.learning_rate");
      }
      return std::llround(std::ldexp(nats, 30));
    };
    losses.sums.targets = targets.numel();
    losses.sums.cross_entropy = units(losses.cross_entropy);
    losses.sums.z_loss = units(losses.z);
    losses.sums.correct = logits.argmax(-1).eq(targets).sum().item<std::int64_t>();
    return losses;
  }

  // AdamW as the exact profile has it, on LibTorch's element-wise kernels.
  void update_tensor(std::size_t index, const UpdateConstants& constants, double factor) {
    const Parameter& tensor = parameters_.tensors[index];
    const auto options = at::TensorOptions().dtype(at::kFloat);
    Tensor m = at::from_blob(parameters_.exp_avg.data() + tensor.offset, tensor.shape, options);
    Tensor v = at::from_blob(parameters_.exp_avg_sq.data() + tensor.offset, tensor.shape, options);
    Tensor w = weights_[index];
    const Tensor gradient = w.grad() * factor;
    m.mul_(constants.beta1).add_(gradient, constants.one_minus_beta1);
    v.mul_(constants.beta2).addcmul_(gradient, gradient, constants.one_minus_beta2);
    const Tensor step =
        (m / constants.correction1) / ((v / constants.correction2).sqrt_() + constants.epsilon);
    if (decays(constants, tensor.role)) w.sub_(w * constants.decay);
    w.sub_(step, constants.learning_rate);
  }

  manifests::Config config_;
  Parameters& parameters_;
  std::vector<Tensor> weights_;  // leaves over the engine's memory, in memory order
  Tensor cosines_;
  Tensor sines_;
  bool bf16_ = false;  // of config_.native.dtype
  std::int64_t step_ = 0;
};

}  // namespace

std::unique_ptr<Backend> make_native_olmo2(const manifests::Config& config, int threads,
                                           Parameters& parameters) {
  return std::make_unique<NativeOlmo2>(config, threads, parameters);
}

}  // namespace repro::train
