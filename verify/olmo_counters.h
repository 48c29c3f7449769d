// What the old trainer counts, held against a checkpoint's name and configuration. Rows of
// verify/olmo_checks.cc: the evidence that each needs stands there.
#pragma once

#include <vector>

#include "verify/finding.h"
#include "verify/olmo_checkpoint.h"

namespace repro::verify {

// train.pt: the step is that of the name.
void check_trainer_step(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings);
// train.pt: the tokens are steps x batch x length. Where a run begins anew both counters go back.
void check_trainer_tokens(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings);
// optim.pt: every parameter was updated as often as the step says. A run that began from another
// one's checkpoint may have kept its updates while steps began at 0 (the second stages): then they
// lie ahead by the step of load_path. Only for a run from scratch is another number a mismatch;
// else it depends on the runs before, and is a warning or, where nothing can be expected, a note.
void check_optimizer_step(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings);
// optim.pt: the learning rate of every group is that of the schedule, to the bit.
void check_group_rates(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings);

}  // namespace repro::verify
