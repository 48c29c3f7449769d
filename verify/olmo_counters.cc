#include "verify/olmo_counters.h"

#include <string>

#include "artifacts/base/number_text.h"

namespace repro::verify {
namespace {

void add(std::vector<Finding>& findings, Severity severity, const OlmoCheckpoint& checkpoint,
         std::string message) {
  findings.push_back({severity, "checkpoint", checkpoint.path, "", {}, std::move(message)});
}

}  // namespace

void check_trainer_step(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  const std::int64_t step = *checkpoint.counters->global_step;
  if (step == checkpoint.name->step) return;
  add(findings, Severity::mismatch, checkpoint,
      "train.pt is of step " + std::to_string(step) + ", the name of step " +
          std::to_string(checkpoint.name->step));
}

void check_trainer_tokens(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  const OlmoRun& run = *checkpoint.run;
  for (std::string& fault : imports::check_counters(*checkpoint.counters, std::nullopt,
                                                    run.batch_size, run.sequence_length)) {
    add(findings, Severity::mismatch, checkpoint, std::move(fault));
  }
}

void check_optimizer_step(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  const std::int64_t updates = *checkpoint.optimizer_step;
  const std::int64_t step = checkpoint.name->step;
  const OlmoStart& start = checkpoint.run->start;
  const auto lead = start.lead();
  const std::string count = "the optimizer counts " + std::to_string(updates) +
                            " updates at step " + std::to_string(step);
  if (!lead) {
    if (updates == step) return;
    add(findings, Severity::note, checkpoint,
        count + ": the run goes on from another checkpoint, whose counters were set back");
    return;
  }
  if (updates - step == *lead) return;
  const Severity severity = start.fresh ? Severity::mismatch : Severity::warning;
  const std::string begun =
      start.fresh ? " of a run that began at none"
                  : " of a run that was loaded from step " + std::to_string(start.step.value_or(0));
  add(findings, severity, checkpoint, count + begun + "; expected " + std::to_string(step + *lead));
}

void check_group_rates(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) {
  if (checkpoint.name->step == 0) return;  // nothing was updated yet
  const double expected = olmo_learning_rate(*checkpoint.run->schedule, checkpoint.name->step);
  for (const double rate : checkpoint.rates) {
    if (rate == expected) continue;
    add(findings, Severity::mismatch, checkpoint,
        "optim.pt has the learning rate " + decimal_text(rate) + ", the schedule " +
            decimal_text(expected));
    return;
  }
}

}  // namespace repro::verify
