#include "logs/spikes.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "artifacts/base/number_text.h"
#include "logs/run_log.h"

namespace repro::logs {
namespace {

Json encode_score(const SpikeScore& score) {
  return {
      {"judged", score.judged}, {"share", decimal_text(score.share())}, {"spikes", score.spikes}};
}

}  // namespace

double SpikeScore::share() const {
  return judged == 0 ? 0 : static_cast<double>(spikes) / static_cast<double>(judged);
}

bool SpikeCounter::stands_out(double value) const {
  const auto sum = [&](const auto& term) {
    double total = 0;
    for (std::size_t i = 0; i < window_.size(); ++i) {
      total += term(window_[(oldest_ + i) % window_.size()]);
    }
    return total;
  };
  const double mean = sum([](double each) { return each; }) / static_cast<double>(window_.size());
  const double squares = sum([&](double each) { return (each - mean) * (each - mean); });
  const double deviation = std::sqrt(squares / static_cast<double>(window_.size() - 1));
  const double distance = std::abs(value - mean);
  return distance > 0 && distance >= kSpikeDeviations * deviation;
}

bool SpikeCounter::add(double value) {
  bool spike = false;
  if (window_.size() >= kSpikeWarmUp) {
    spike = stands_out(value);
    ++score_.judged;
    score_.spikes += spike ? 1 : 0;
  }
  if (window_.size() < kSpikeWindow) {
    window_.push_back(value);
  } else {
    window_[oldest_] = value;
    oldest_ = (oldest_ + 1) % kSpikeWindow;
  }
  return spike;
}

SpikeScore spike_score(std::span<const double> series) {
  SpikeCounter counter;
  for (const double value : series) counter.add(value);
  return counter.score();
}

RunSpikes run_spikes(std::span<const Json> events, std::string_view what) {
  SpikeCounter loss;
  SpikeCounter grad_norm;
  for (const Json& event : events) {
    if (json_string(event, "type", what) != "step") continue;
    const StepEvent step = parse_step(event, what);
    loss.add(mean_loss(step.loss_sum, step.tokens));
    grad_norm.add(step.grad_norm);
  }
  return {loss.score(), grad_norm.score()};
}

Json encode_spikes(const RunSpikes& spikes) {
  return {{"grad_norm", encode_score(spikes.grad_norm)}, {"loss", encode_score(spikes.loss)}};
}

}  // namespace repro::logs
