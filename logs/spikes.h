// How often a run's loss or gradient norm leaps: the spike score of OLMo 2 (arXiv 2501.00656,
// section 3: the share of a series' values that are at least seven standard deviations away from a
// rolling average of the last 1,000 values). What the paper leaves open is settled here:
//
//   * The window is the values before the one that is judged, at most 1,000; a spike does not hide
//     itself, but stays in the windows of what follows.
//   * A value is judged once there are 50 before it. A run of so few steps has no score.
//   * The deviation is that of a sample (n - 1). In a window of equal values anything else is one.
//
// Mean and deviation are binary64 sums from the oldest value to the newest, so equal logs have
// equal scores. Pure; telemetry for people, no bit of a run depends on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "artifacts/base/json.h"

namespace repro::logs {

inline constexpr std::size_t kSpikeWindow = 1000;
inline constexpr std::size_t kSpikeWarmUp = 50;  // values before the first that is judged
inline constexpr double kSpikeDeviations = 7;

struct SpikeScore {
  std::int64_t spikes = 0;
  std::int64_t judged = 0;

  // 0 where nothing was judged.
  double share() const;
  bool operator==(const SpikeScore&) const = default;
};

class SpikeCounter {
 public:
  // The next value of the series, finite. Whether it is a spike.
  bool add(double value);
  const SpikeScore& score() const { return score_; }

 private:
  bool stands_out(double value) const;

  std::vector<double> window_;  // a ring once it is full
  std::size_t oldest_ = 0;
  SpikeScore score_;
};

SpikeScore spike_score(std::span<const double> series);

// Of a run: the loss (cross-entropy, nats a token) and the gradient's norm before clipping.
struct RunSpikes {
  SpikeScore loss;
  SpikeScore grad_norm;
};
// `events` of a log; lines that are no steps are passed over. Error(corruption) names `what`.
RunSpikes run_spikes(std::span<const Json> events, std::string_view what);
// {"grad_norm":{"judged","share":decimal,"spikes"},"loss":{...}}
Json encode_spikes(const RunSpikes& spikes);

}  // namespace repro::logs
