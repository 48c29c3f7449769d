// Learning rates of OLMo's trainers, in binary64 and in the order of operations of their sources
// (allenai/OLMo, olmo/optim.py; OLMo-core, optim/scheduler.py): what a checkpoint of theirs should
// hold, to the bit. Not the schedule of `repro` (train/optim/schedule.h), which computes in steps
// and in its own arithmetic.
#pragma once

#include <cstdint>

namespace repro::verify {

enum class OlmoShape : std::uint8_t { cosine, linear };

// Times are tokens seen including the current batch (scheduler.units: tokens), or steps.
struct OlmoSchedule {
  OlmoShape shape = OlmoShape::cosine;
  double peak = 0;            // optimizer.learning_rate
  double warmup = 0;          // scheduler.t_warmup
  double horizon = 0;         // scheduler.t_max, > warmup
  double final_fraction = 0;  // scheduler.alpha_f
  double warmup_start = 0;    // scheduler.warmup_min_lr
  double units_per_step = 1;  // tokens of a batch where times are tokens

  bool operator==(const OlmoSchedule&) const = default;
};

// The rate with which update `step` (>= 1) is made.
double olmo_learning_rate(const OlmoSchedule& schedule, std::int64_t step);

// The last step whose update changes weights; from the next one on the rate is exactly 0, and with
// it the decay. -1 where the schedule does not end at 0.
std::int64_t last_moving_step(const OlmoSchedule& schedule);

}  // namespace repro::verify
