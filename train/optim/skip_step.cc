#include "train/optim/skip_step.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

void keep_last(std::vector<float>& values, float value, std::int64_t window) {
  values.push_back(value);
  const auto count = static_cast<std::int64_t>(values.size());
  if (count > window) values.erase(values.begin(), values.begin() + (count - window));
}

}  // namespace

float history_value(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kLargest, kLargest));
}

bool is_far_above(std::span<const float> previous, float value, float sigma) {
  const auto count = static_cast<float>(previous.size());
  const float mean = sum31(previous) / count;
  std::vector<float> squares;
  for (const float x : previous) squares.push_back((x - mean) * (x - mean));
  const float deviation = std::sqrt(sum31(squares) / (count - 1.0F));
  return value - mean > sigma * deviation;  // false where something is a NaN
}

bool skips_update(const manifests::OptimizerConfig& optimizer, const StepHistory& history,
                  float loss, float norm) {
  const auto stored = static_cast<std::int64_t>(history.losses.size());
  if (stored < std::max<std::int64_t>(2, optimizer.skip_window / 2)) return false;
  const auto sigma = static_cast<float>(optimizer.skip_sigma);
  return is_far_above(history.losses, loss, sigma) ||
         is_far_above(history.gradient_norms, norm, sigma);
}

void remember_step(const manifests::OptimizerConfig& optimizer, float loss, float norm,
                   bool skipped, StepHistory& history) {
  keep_last(history.losses, loss, optimizer.skip_window);
  keep_last(history.gradient_norms, norm, optimizer.skip_window);
  if (skipped) ++history.skipped;
}

}  // namespace repro::train
