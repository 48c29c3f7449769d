#include "train/data/repetition.h"

#include <algorithm>

namespace repro::train {
namespace {

// Longest run of places i >= period with ids[i] == ids[i - period].
std::int64_t longest_run(std::span<const std::uint32_t> ids, std::size_t period) {
  std::int64_t longest = 0;
  std::int64_t run = 0;
  for (std::size_t i = period; i < ids.size(); ++i) {
    run = ids[i] == ids[i - period] ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

}  // namespace

RepetitionLimits RepetitionLimits::of(const manifests::DataConfig& data) {
  return {data.repetition_min_period, data.repetition_max_period, data.repetition_max_count};
}

bool is_repetitive(std::span<const std::uint32_t> ids, const RepetitionLimits& limits) {
  const auto periods = std::min(limits.max_period, static_cast<std::int64_t>(ids.size()) / 3);
  for (std::int64_t period = limits.min_period; period <= periods; ++period) {
    if (longest_run(ids, static_cast<std::size_t>(period)) >= (limits.max_count - 1) * period) {
      return true;
    }
  }
  return false;
}

}  // namespace repro::train
