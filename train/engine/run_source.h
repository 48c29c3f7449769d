// Reading a run for re-execution: where to start, under which config, and what its log says.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "artifacts/store/store.h"
#include "manifests/dataset.h"
#include "manifests/run.h"
#include "train/engine/trainer.h"

namespace repro::train {

// Config and dataset of a segment, with the running keys of `running`.
struct SegmentInputs {
  manifests::Config config;
  manifests::Dataset dataset;
};
SegmentInputs load_segment(const artifacts::Store& store, const manifests::Segment& segment,
                           const manifests::RunConfig& running);

// The verified text of a run's published log: all pieces, chain checked against the manifest.
std::string read_log(const artifacts::Store& store, const manifests::Run& run);

// Walks a run's steps: starts at the nearest stored state at or before `step` (or the beginning),
// and changes config where a recorded segment begins.
class RunCursor {
 public:
  RunCursor(const artifacts::Store& store, const manifests::Run& run, std::int64_t step,
            const Machine& machine, const manifests::RunConfig& running);

  Trainer& trainer() { return *trainer_; }
  std::int64_t step() const { return trainer_->cursor().step; }
  // Segments that begin exactly here and whose log line therefore comes next; call once at each
  // step, before `advance`. It also puts their config in force.
  std::vector<logs::SegmentEvent> begin_segments();
  logs::StepEvent advance(bool with_roots) { return trainer_->step(with_roots); }

 private:
  const artifacts::Store& store_;
  const manifests::Run& run_;
  Machine machine_;
  manifests::RunConfig running_;
  std::unique_ptr<Trainer> trainer_;
};

}  // namespace repro::train
