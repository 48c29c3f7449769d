// skip_step_adamw/1: AdamW that leaves out the update of a step whose loss or gradient norm is far
// above those of the steps before (docs/arithmetic.md, "SkipStepAdamW"; OLMo-core's SkipStepAdamW,
// whose window is not stored and is empty after a restart; here it is part of the state).
//
// Thread rules: pure functions, and one owner of a history.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "manifests/config.h"

namespace repro::train {

// What the rule looks back on. Empty before the first step that had a target.
struct StepHistory {
  std::vector<float> losses;          // of the last steps, oldest first; finite
  std::vector<float> gradient_norms;  // of the same steps
  std::int64_t skipped = 0;           // updates left out so far

  bool empty() const { return losses.empty(); }
  bool operator==(const StepHistory&) const = default;
};

// A loss or a norm as a history has it: rounded once, what is beyond binary32 as its largest.
float history_value(double value);

// Whether value - mean > sigma * deviation, of at least two previous values.
bool is_far_above(std::span<const float> previous, float value, float sigma);

// Whether the step's update is left out: half of the window is filled, and its loss or its norm is
// far above the ones before.
bool skips_update(const manifests::OptimizerConfig& optimizer, const StepHistory& history,
                  float loss, float norm);

// Takes up a step; the oldest ones beyond the window are forgotten.
void remember_step(const manifests::OptimizerConfig& optimizer, float loss, float norm,
                   bool skipped, StepHistory& history);

}  // namespace repro::train
