// `verify RUN --replay`: plans, tells the cost, executes through the worker, compares with the log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "manifests/config.h"
#include "manifests/run.h"
#include "verify/replay.h"

namespace repro::cli {

struct ReplayRequest {
  std::string what;                   // "", "a..b", "a", or "sample:n"
  std::optional<std::uint64_t> seed;  // of the sample; absent: fresh randomness
  manifests::RunConfig running;       // how to execute; decides no bit
};

class ReplayCheck {
 public:
  // Plans. Error(invalid_argument) for a range or sample that the run has not.
  ReplayCheck(Context& context, const manifests::Run& run, const ReplayRequest& request);
  // What it covers and costs.
  void print_plan() const;
  // Executes and prints the verdict; 0 where every line is the logged one, 1 where one differs.
  int run() const;

 private:
  std::vector<std::string> execute(const verify::ReplayPlan& plan) const;

  Context& context_;
  const manifests::Run& run_;
  manifests::RunConfig running_;
  std::vector<verify::ReplayPlan> plans_;
  std::vector<std::int64_t> sampled_;  // steps, for a sample
  std::uint64_t seed_ = 0;
};

}  // namespace repro::cli
