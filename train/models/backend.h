// The seam between the engine and whatever computes a step: the exact model, or LibTorch's
// (native). The engine owns data order, schedule, log and checkpoints; a backend owns activations
// and derived weights and works on the engine's `Parameters` in place, or on a copy on a device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "train/nn/language_head.h"
#include "train/nn/linear.h"
#include "train/nn/parameters.h"
#include "train/nn/peaks.h"
#include "train/optim/update_constants.h"

namespace repro::train {

// Whole sequences: ids [sequences * length].
struct MicroBatch {
  std::span<const std::uint32_t> ids;
  std::int64_t sequences = 0;
  std::int64_t length = 0;
  std::int64_t padding = 0;      // so many positions at the end of each sequence are not of it
  std::vector<RowRange> groups;  // gradient groups, covering the rows in order
  // [sequences * length] data.mask_documents: the position in its sequence where each token's
  // document begins, which attention does not cross; empty: it sees the whole sequence.
  std::span<const std::int32_t> begins;
  // [sequences], or empty for none: sequences that are computed and have no targets.
  std::vector<bool> without_loss = {};
};

class Backend {
 public:
  virtual ~Backend() = default;
  // What computes: a kernel path's name, or "libtorch".
  virtual std::string_view kernels() const = 0;
  // Weights changed outside (initialised, loaded): make what is derived from them anew.
  virtual void refresh() = 0;
  // Brings the engine's `Parameters` up to date, where the state lies elsewhere.
  virtual void fetch() {}
  // Whether `Parameters` stay as they were fetched until the next `fetch`, whatever is computed.
  virtual bool leaves_parameters_alone() const { return false; }
  // Merkle leaves of the state as `fetch` would bring it, hashed where it lies: of every tensor's
  // weights, exp_avg and exp_avg_sq in turn, in the order of Parameters. Empty: `Parameters` hold
  // the state, or will after `fetch`.
  virtual std::vector<std::vector<Digest>> leaves() { return {}; }
  // Tokens to give to `accumulate` and `evaluate` at once, where nobody chose.
  virtual std::int64_t micro_batch_tokens() const { return 1024; }
  // Zeroes the gradient.
  virtual void begin_step(std::int64_t step) = 0;
  // Adds the gradient of the summed loss of these sequences.
  virtual LossSums accumulate(const MicroBatch& batch) = 0;
  // Loss only. Where `peaks` is not null, a backend that quantises notes the input of every linear
  // map there.
  virtual LossSums evaluate(const MicroBatch& batch, Peaks* peaks) = 0;
  // The gradient's norm, divided by `normalizer`. Leaves everything as it is.
  virtual double gradient_norm(std::int64_t normalizer) = 0;
  // Clips by that norm, updates weights and moments, refreshes.
  virtual void update(const UpdateConstants& constants, double norm) = 0;
};

// Targets of next-token prediction: within each sequence token t + 1, none for the last, for
// padding and for a sequence without loss.
std::vector<std::int32_t> next_token_targets(const MicroBatch& batch);

}  // namespace repro::train
