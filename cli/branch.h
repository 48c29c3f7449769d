// Starting a run from a state of another one, or from a model: `train --from RUN@STEP|MODEL
// [--reset data,step,optimizer]`.
#pragma once

#include <optional>
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
  std::optional<Digest> dataset;  // manifest of the parent's dataset; a model has none
  std::string parent_source;      // data.source of the parent's configuration
};
// `from`: RUN@STEP, RUN or MODEL. A state that is not stored is re-derived and kept; a reset one is
// made and kept. What a model lacks is as after a reset: moments zero, counting from 0.
BranchPoint make_branch_point(Context& context, const std::string& from, const Reset& reset);

}  // namespace repro::cli
