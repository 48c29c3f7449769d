// Starting a run from a state of another one: `train --from RUN@STEP [--reset
// data,step,optimizer]`.
#pragma once

#include <string>

#include "cli/context.h"
#include "cli/new_run.h"
#include "cli/resolve.h"

namespace repro::cli {

// What a branch forgets of the state it starts from.
struct Reset {
  bool data = false;       // the order begins anew: next batch 0
  bool step = false;       // counts from 0: schedule and bias correction begin anew
  bool optimizer = false;  // moments are zero
};
// "data,step". Error(invalid_argument) with the three names.
Reset parse_reset(const std::string& text);

struct BranchPoint {
  SegmentStart start;
  Digest dataset;             // manifest of the parent's dataset
  std::string parent_source;  // data.source of the parent's configuration
};
// `from`: RUN@STEP or RUN. A state that is not stored is re-derived and kept; a reset one is made
// and kept.
BranchPoint make_branch_point(Context& context, const std::string& from, const Reset& reset);

}  // namespace repro::cli
