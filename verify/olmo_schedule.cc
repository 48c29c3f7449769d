#include "verify/olmo_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "artifacts/base/error.h"

namespace repro::verify {

// Products before quotients, as Python evaluates `a * b / c`. The cosine is libm's, as it was
// there; 1 + cos rounds away what its last bit could change.
double olmo_learning_rate(const OlmoSchedule& schedule, std::int64_t step) {
  REPRO_CHECK(step >= 1 && schedule.horizon > schedule.warmup);
  const double time = static_cast<double>(step) * schedule.units_per_step;
  const double final_rate = schedule.peak * schedule.final_fraction;
  if (time < schedule.warmup) {
    const double rise = (schedule.peak - schedule.warmup_start) * std::min(time, schedule.warmup);
    return schedule.warmup_start + rise / schedule.warmup;
  }
  if (time >= schedule.horizon) return final_rate;
  const double passed = time - schedule.warmup;
  const double length = schedule.horizon - schedule.warmup;
  const double fall = schedule.peak - final_rate;
  if (schedule.shape == OlmoShape::linear) return schedule.peak - fall * (passed / length);
  const double angle = std::numbers::pi * passed / length;
  return final_rate + fall * (1 + std::cos(angle)) / 2;
}

std::int64_t last_moving_step(const OlmoSchedule& schedule) {
  if (schedule.final_fraction != 0) return -1;
  return static_cast<std::int64_t>(std::ceil(schedule.horizon / schedule.units_per_step)) - 1;
}

}  // namespace repro::verify
