// `repro report`: what runs and imported logs have to show, as typed records; and one HTML page of
// them. The page is static: no script, nothing fetched, no clock, so the same runs give the same
// bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "logs/run_log.h"
#include "manifests/config.h"
#include "manifests/record.h"
#include "manifests/run.h"

namespace repro::verify {

// A run with what its published log says.
struct ReportedRun {
  manifests::Run run;
  manifests::Config config;  // of the newest segment
  std::vector<logs::StepEvent> steps;
  std::vector<logs::EvalEvent> evaluations;
  std::vector<logs::TaskEvent> tasks;  // as logged: step by step, all tasks of a step

  // "name (3f2a9c01)".
  std::string label() const;
};
// Checks the log's chain down to the head that the manifest names. Error(corruption).
ReportedRun read_reported_run(const artifacts::Store& store, const manifests::Run& run);

// Another trainer's log, imported: a curve a name, each of one series.
struct ReportedLog {
  std::string name;
  std::vector<manifests::Record> records;
};

struct Report {
  std::vector<manifests::Record> records;  // in the order of the page
  std::vector<std::string> verified;       // sentences
  std::vector<std::string> not_verified;
};

// Tables: the runs, their derivations, last and best losses, deciding keys in which they differ.
// Curves "loss", "gradient norm", "learning rate", "held-out loss", accuracy and bits a byte on
// each task, with a series a run, and those of imported logs: in the same pictures where their
// names are known (docs/report.md), else in pictures of their own. A histogram of each run's
// gradient norms. A graph of which run began at a state of which.
Report make_report(std::span<const ReportedRun> runs, std::span<const ReportedLog> logs);

// The whole page.
std::string html_page(const std::string& title, const Report& report);

}  // namespace repro::verify
