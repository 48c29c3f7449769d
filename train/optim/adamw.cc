#include "train/optim/adamw.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "train/numerics/wide_int.h"

namespace repro::train {
namespace {

constexpr std::int64_t kChunk = 1 << 15;  // elements a task takes; fits L2 with all four arrays

}  // namespace

double gradient_norm(const Context& context, const Parameters& parameters, std::int64_t unit,
                     std::int64_t normalizer) {
  const TraceSpan span(context.trace(), "gradient norm");
  Sum192 total;
  std::mutex mutex;  // integer sums: the order of the additions is free
  context.parallel->run_ranges(
      parameters.total(), kChunk, [&](std::int64_t begin, std::int64_t end) {
        Sum192 part;
        context.rows().sum_squares(parameters.gradient.data() + begin, end - begin, &part);
        const std::lock_guard<std::mutex> lock(mutex);
        add192(total.limb, part.limb);
      });
  return norm_of_squares(total, unit, normalizer);
}

double norm_of_squares(const Sum192& squares, std::int64_t unit, std::int64_t normalizer) {
  const double root = std::sqrt(sum192_to_double(squares.limb));
  return std::ldexp(root, -static_cast<int>(unit)) / static_cast<double>(normalizer);
}

float clip_factor(double norm, double limit) {
  if (limit <= 0) return 1.0F;
  return static_cast<float>(std::min(1.0, limit / (norm + 1e-6)));
}

bool decays(const UpdateConstants& constants, manifests::TensorRole role) {
  switch (role) {
    case manifests::TensorRole::embedding:
      return constants.decay_embeddings;
    case manifests::TensorRole::norm:
      return constants.decay_norms;
    case manifests::TensorRole::matrix:
    case manifests::TensorRole::head:
      return true;
  }
  return true;
}

AdamwArgs adamw_args(std::int64_t unit, const UpdateConstants& constants, float clip,
                     manifests::TensorRole role) {
  AdamwArgs args;
  args.unit = static_cast<int>(unit);
  args.normalizer = static_cast<float>(constants.normalizer);
  args.clip = clip;
  args.beta1 = constants.beta1;
  args.one_minus_beta1 = constants.one_minus_beta1;
  args.beta2 = constants.beta2;
  args.one_minus_beta2 = constants.one_minus_beta2;
  args.correction1 = constants.correction1;
  args.correction2 = constants.correction2;
  args.epsilon = constants.epsilon;
  args.lr = constants.learning_rate;
  args.lr_decay = decays(constants, role) ? constants.decay : 0.0F;
  return args;
}

void exact_adamw(const Context& context, std::int64_t unit, const UpdateConstants& constants,
                 double norm, Parameters& parameters) {
  const float clip = clip_factor(norm, constants.clip_norm);
  const TraceSpan span(context.trace(), "adamw");
  for (const Parameter& tensor : parameters.tensors) {
    context.parallel->run_ranges(tensor.count, kChunk, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t at = tensor.offset + begin;
      AdamwArgs args = adamw_args(unit, constants, clip, tensor.role);
      args.w = parameters.weights.data() + at;
      args.m = parameters.exp_avg.data() + at;
      args.v = parameters.exp_avg_sq.data() + at;
      args.gradient = parameters.gradient.data() + at;
      args.count = end - begin;
      context.rows().adamw(args);
      check_finite(context, {"adamw", tensor.name}, args.w, args.count, begin);
    });
  }
}

}  // namespace repro::train
