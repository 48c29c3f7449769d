// The training loop's one step, independent of where its results go: data in, update done, log
// events out. Deterministic by construction: a step is a function of config, dataset and state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "logs/run_log.h"
#include "manifests/config.h"
#include "manifests/dataset.h"
#include "train/data/batch.h"
#include "train/engine/machine.h"
#include "train/engine/state_io.h"
#include "train/kernels/parallel.h"
#include "train/models/backend.h"

namespace repro::train {

class Trainer {
 public:
  // Parameters are uninitialised until `initialize` or `load`. Error(invalid_argument) where config
  // and dataset do not fit; Error(environment) where this machine cannot run the profile or
  // kernels.
  Trainer(const manifests::Config& config, const artifacts::Store& store,
          const manifests::Dataset& dataset, const Machine& machine);
  ~Trainer();

  void initialize();
  void load(const artifacts::Store& store, const Digest& state_manifest);
  // Goes on under another config of the same model (a recorded segment).
  void reconfigure(const manifests::Config& config, const artifacts::Store& store,
                   const manifests::Dataset& dataset);

  const Cursor& cursor() const { return cursor_; }
  const manifests::Config& config() const { return config_; }
  // Up to date with what computes.
  const Parameters& parameters();
  // Whether steps and evaluations leave them alone until they are asked for again.
  bool leaves_parameters_alone() const;
  Parallel& parallel() const { return *machine_.parallel; }
  std::string_view kernels() const;
  std::int64_t micro_batch() const;

  // Of the current state, hashed where it lies.
  Roots roots();

  // One update. Roots are filled in if `with_roots`. If it throws, the parameters are no state:
  // load one before going on.
  logs::StepEvent step(bool with_roots);
  // What the config asks for after the step just done, on held-out text and tasks; nothing, where
  // none is due. Notes in `peaks`, where it is not null, the inputs of every linear map over the
  // held-out text; no bit depends on it. `poll` is called often while tasks are scored; if it
  // throws, the evaluation of this step is lost.
  std::vector<logs::EvaluationEvent> evaluations(
      Peaks* peaks = nullptr, const std::function<void()>& poll = [] {});
  // Reads the tasks, which else happens at the first evaluation: one that does not go with the data
  // is then told before the first step.
  void prepare_evaluations();
  // On held-out text, whether it is due or not.
  logs::EvalEvent evaluate(Peaks* peaks = nullptr);

 private:
  struct Data;
  void configure(const artifacts::Store& store, const manifests::Dataset& dataset);
  void check_data();
  Batch next_batch(std::int64_t index);
  void add_begins(std::int64_t first_token, std::vector<std::int32_t>& begins);
  MicroBatch padded(const MicroBatch& micro);
  LossSums accumulate(const Batch& batch);
  bool evaluation_due() const;
  bool update(std::int64_t number, const LossSums& sums, double norm);

  manifests::Config config_;
  Machine machine_;
  Parameters parameters_;
  Cursor cursor_;
  std::unique_ptr<Data> data_;
  std::unique_ptr<Backend> backend_;
  std::vector<std::uint32_t> padded_ids_;
  std::vector<std::int32_t> padded_begins_;
};

// Gradient groups of a step's rows (docs/arithmetic.md, "Gradient groups"): consecutive whole
// sequences of together at most `group_tokens`, a longer sequence cut at multiples of it; 0: one
// sequence each.
std::vector<RowRange> gradient_groups(std::int64_t sequences, std::int64_t length,
                                      std::int64_t group_tokens);

}  // namespace repro::train
