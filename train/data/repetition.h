// Which instances OLMo's trainer gives no loss: those in which a run of 1 to 13 ids is repeated 32
// times or more without a gap (its `instance_filter`, as the released 1B, 7B and 13B had it).
//
// `repro` trains on them all the same; `show RUN@STEP --batch` says which they are.
// Thread rules: a pure function.
#pragma once

#include <cstdint>
#include <span>

namespace repro::train {

struct RepetitionLimits {
  std::int64_t max_period = 13;
  std::int64_t max_count = 32;  // so many repeats are too many
};

// Whether for a period p <= max_period, and at most a third of the ids, some p ids stand
// `max_count` times one behind the other: (max_count - 1) * p consecutive ids are equal to the one
// p places before.
bool is_repetitive(std::span<const std::uint32_t> ids, const RepetitionLimits& limits = {});

}  // namespace repro::train
