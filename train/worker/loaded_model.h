// The model of a run's state, or an imported or merged one, ready for inference.
#pragma once

#include <memory>
#include <optional>

#include "artifacts/store/store.h"
#include "manifests/model_shape.h"
#include "manifests/run_spec.h"
#include "train/engine/backends.h"
#include "train/engine/run_source.h"
#include "train/eval/generate.h"
#include "train/kernels/parallel.h"
#include "train/kernels/paths.h"
#include "train/models/language_model.h"
#include "train/nn/parameters.h"
#include "train/tokenizer/tokenizer.h"

namespace repro::train {

class LoadedModel {
 public:
  // Reads what the state `spec.run`@`spec.last`, or `spec.model`, is made of, not yet its weights.
  // The profile is what `spec.inference` asks for, else that of the run; of a model, exact.
  // Error(environment) for a profile, kernels or a device that are not there.
  explicit LoadedModel(const manifests::RunSpec& spec);

  TokenLimits limits() const;
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // The id that ends a sequence: of a model what its manifest says, else the tokenizer's.
  std::optional<std::uint32_t> end_of_text() const;
  const RowKernels& rows() const { return *path_.rows; }

  // The weights, checked against their roots; a state that was not stored is re-derived and
  // compared with the log (events `progress`). Then the event `model`. The result lives as long as
  // this.
  LanguageModel& load();

 private:
  SegmentInputs read_model();
  SegmentInputs read_run();
  Digest read_stored(const Digest& manifest);
  Digest rederive();

  const manifests::RunSpec& spec_;
  artifacts::Store store_;
  std::optional<Digest> stored_;  // manifest of the state, where it need not be re-derived
  SegmentInputs inputs_;          // of a model: what inference looks at, all else default
  std::unique_ptr<Tokenizer> tokenizer_;
  KernelPath path_;
  Parallel parallel_;
  HeldConstant held_constant_;
  std::optional<Parameters> parameters_;  // of a stored state
  std::optional<RunCursor> cursor_;       // holds those of another
  std::unique_ptr<LanguageModel> model_;
};

}  // namespace repro::train
