// Which sequences give no loss: those in which a span of a few ids is repeated too often, as OLMo's
// trainer has it (its `instance_filter`). The text: docs/arithmetic.md, "Sequences without loss".
//
// Thread rules: pure functions.
#pragma once

#include <cstdint>
#include <span>

#include "manifests/config.h"

namespace repro::train {

// By default as the released 1B, 7B and 13B were trained.
struct RepetitionLimits {
  std::int64_t min_period = 1;
  std::int64_t max_period = 13;  // 0: nothing is repetitive
  std::int64_t max_count = 32;   // so many repeats are too many

  // Those of the recipe, data.repetition_*.
  static RepetitionLimits of(const manifests::DataConfig& data);
};

// Whether for a period p, min_period <= p <= max_period and at most a third of the ids, some p ids
// stand `max_count` times one behind the other: (max_count - 1) * p consecutive ids are equal to
// the one p places before.
bool is_repetitive(std::span<const std::uint32_t> ids, const RepetitionLimits& limits = {});

}  // namespace repro::train
