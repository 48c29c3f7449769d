#include "train/optim/schedule.h"

#include <algorithm>

#include "train/numerics/functions64.h"

namespace repro::train {
namespace {

constexpr double kPi = 0x1.921fb54442d18p+1;

// In the order of operations of OLMo's trainer (allenai/OLMo, olmo/optim.py, CosWithWarmup), which
// counts tokens, those of this update included.
double olmo_cosine(const manifests::Config& config, std::int64_t step) {
  const double peak = config.optimizer.learning_rate;
  const double end = peak * config.schedule.final_fraction;
  const std::int64_t tokens = config.train.batch_size * config.data.sequence_length;  // a step
  const auto warmup = static_cast<double>(config.schedule.warmup_tokens);
  const auto total = static_cast<double>(config.schedule.total_tokens);
  const double now = static_cast<double>(step) * static_cast<double>(tokens);
  if (now < warmup) return peak * now / warmup;
  if (now >= total) return end;
  return end + (peak - end) * (1.0 + cos64(kPi * (now - warmup) / (total - warmup))) / 2.0;
}

}  // namespace

double learning_rate(const manifests::Config& config, std::int64_t update) {
  const std::int64_t step = std::max<std::int64_t>(update - config.schedule.start, 1);
  if (config.schedule.name == "olmo_cosine") return olmo_cosine(config, step);
  const double peak = config.optimizer.learning_rate;
  const double end = peak * config.schedule.final_fraction;
  const std::int64_t warmup = config.schedule.warmup_steps;
  if (step < warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
  if (config.schedule.name == "constant") return peak;
  if (step >= config.train.steps) return end;
  const double x =
      static_cast<double>(step - warmup) / static_cast<double>(config.train.steps - warmup);
  if (config.schedule.name == "linear") return peak - (peak - end) * x;
  return end + (peak - end) * ((1.0 + cos64(kPi * x)) / 2.0);
}

std::int64_t loss_divisor(const manifests::Config& config, std::int64_t targets) {
  if (config.loss.denominator == "positions") {
    return config.train.batch_size * config.data.sequence_length;
  }
  return std::max<std::int64_t>(1, targets);
}

UpdateConstants update_constants(const manifests::Config& config, std::int64_t step,
                                 std::int64_t normalizer, std::int64_t skipped) {
  const double rate = learning_rate(config, step);
  const auto exponent =
      static_cast<std::uint64_t>(config.optimizer.count_steps ? step - skipped : 1);
  UpdateConstants constants;
  constants.step = step;
  constants.learning_rate = static_cast<float>(rate);
  constants.decay = static_cast<float>(rate * config.optimizer.weight_decay);
  constants.beta1 = static_cast<float>(config.optimizer.beta1);
  constants.beta2 = static_cast<float>(config.optimizer.beta2);
  constants.one_minus_beta1 = static_cast<float>(1.0 - config.optimizer.beta1);
  constants.one_minus_beta2 = static_cast<float>(1.0 - config.optimizer.beta2);
  constants.correction1 = static_cast<float>(1.0 - power_int(config.optimizer.beta1, exponent));
  constants.correction2 = static_cast<float>(1.0 - power_int(config.optimizer.beta2, exponent));
  constants.epsilon = static_cast<float>(config.optimizer.epsilon);
  constants.clip_norm = config.train.clip_norm;
  constants.normalizer = normalizer;
  constants.decay_embeddings = config.optimizer.decay_embeddings;
  constants.decay_norms = config.optimizer.decay_norms;
  return constants;
}

}  // namespace repro::train
