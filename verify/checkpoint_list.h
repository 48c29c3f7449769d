// Lists of released checkpoints (CSV files of allenai/OLMo: `Step,Checkpoint Directory`, of several
// runs `Ingredient,Step,Checkpoint Directory`), and what is wrong with one. Pure: nothing is
// fetched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "verify/finding.h"

namespace repro::verify {

struct ListedCheckpoint {
  std::string ingredient;  // "" where the list is of one run
  std::int64_t step = 0;
  std::string location;  // URL or folder, as it is written
  std::int64_t line = 0;
};

struct CheckpointList {
  std::string file;  // for messages
  std::vector<ListedCheckpoint> rows;
};

// At most 16 MiB and a million rows; the last line may lack its end. Error(invalid_argument)
// "FILE:LINE: ..." for another heading, a missing or surplus field, quotes that do not fit, a step
// that is no number from 0 to 2^48, control characters, and for a list without rows.
CheckpointList parse_checkpoint_list(std::string_view text, const std::string& file);

// Of each run of the list:
//   mismatch  a step with two locations; a location for two rows that say different things, however
//             it is spelt; a location whose name says another step
//   warning   a row twice; steps that do not ascend; missing multiples of the interval
//   note      steps off the grid (restarts, ends), locations whose name says no step
// The interval is the commonest distance of neighbouring steps, the smaller of two; gaps are sought
// from the first step on the grid to the last.
std::vector<Finding> check_checkpoint_list(const CheckpointList& list);

}  // namespace repro::verify
