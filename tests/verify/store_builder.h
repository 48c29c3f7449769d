// Builds small stores by hand: datasets, runs with states, log and telemetry, tags, tails. What it
// makes is what the trainer makes, but for the arithmetic: tensors are a function of seed and step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "manifests/config.h"
#include "manifests/dataset.h"
#include "manifests/run.h"
#include "manifests/state.h"

namespace repro::verify_test {

struct RunPlan {
  std::string name;
  std::string nonce = "00";
  std::int64_t steps = 6;
  std::int64_t checkpoint_every = 3;
  std::string learning_rate = "0.001";  // deciding
  std::int64_t threads = 0;             // running
  std::int64_t skipped = 0;             // step whose line says that its update was skipped; 0: none
  std::int64_t differs_from = 0;        // first step whose weights differ by one ULP; 0: none
  manifests::RunStatus status = manifests::RunStatus::finished;
  std::int64_t tail_steps = 0;  // steps that only the tails have
  bool telemetry = true;
};

struct BuiltRun {
  manifests::Run run;
  Digest manifest;
  std::string log;   // published
  std::string tail;  // lines of log-tail.jsonl
};

class StoreBuilder {
 public:
  explicit StoreBuilder(const std::string& folder);

  artifacts::Store& store() { return store_; }
  const artifacts::Store& store() const { return store_; }
  // A dataset of a few documents, with its ref; returns the manifest's digest.
  Digest add_dataset(const std::string& name, std::int64_t num_tokens = 96);
  // The default dataset is made when first needed.
  BuiltRun add_run(const RunPlan& plan);
  void set_tag(const std::string& name, const Digest& target);

  static manifests::Config make_config(const RunPlan& plan);

 private:
  manifests::State make_state(const manifests::Segment& segment, const RunPlan& plan,
                              std::int64_t step, bool stored);
  manifests::Segment make_segment(const RunPlan& plan);
  manifests::LogSummary put_log(const std::vector<std::string>& pieces);

  artifacts::Store store_;
};

// Weights of the built states at a step.
std::vector<float> built_weights(const std::string& tensor, const RunPlan& plan, std::int64_t step);

}  // namespace repro::verify_test
