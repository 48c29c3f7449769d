// Which sample is in which step (docs/order.md). A pure function of seed and dataset; it knows
// nothing of threads, ranks, micro-batches or of how the work is split.
//
//   instances   consecutive windows of sequence_length tokens, of the whole stream (`order/1`) or
//               of each shard by itself (OLMo's orders); a remainder is dropped
//   held out    instance i with i mod holdout_every == holdout_every - 1
//   training    the others, in order: N of them
//   sample s    epoch e = s / L, position p = s mod L: the training instance at place p of the
//               epoch's order. L is N, or for OLMo's orders the samples of whole batches
//   batch b     samples b * batch_size ... (b + 1) * batch_size - 1
//   step t      the t-th batch that is not skipped; the state holds the next batch index
//
// `order/1` computes a place without the others; OLMo's orders (train/data/olmo_order.h) hold an
// epoch's order in memory, 4 bytes an instance, made when the epoch is first asked for.
//
// Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "artifacts/base/digest.h"
#include "manifests/config.h"
#include "manifests/dataset.h"
#include "train/data/olmo_order.h"

namespace repro::train {

struct OrderSpec {
  std::string name = "order";  // "order", "olmo_order", "olmo_core_order"
  std::int64_t chunk = 1;      // olmo_core_order: so many instances of a shard stay together
  std::vector<std::int64_t> shard_tokens;  // tokens of each shard, in the order of the stream
  Digest dataset_root;                     // order/1
  std::int64_t seed = 0;
  std::int64_t sequence_length = 0;
  std::int64_t holdout_every = 0;  // 0: nothing is held out
  std::int64_t batch_size = 0;
  // Half-open, sorted, disjoint.
  std::vector<std::pair<std::int64_t, std::int64_t>> skip_batches;

  std::int64_t num_tokens() const;
};

// From a config and its dataset. Error(invalid_argument) where they do not fit: another tokenizer,
// or ids that the model's vocabulary has not.
OrderSpec plan_order(const manifests::Config& config, const manifests::Dataset& dataset);

struct Sample {
  std::int64_t index = 0;  // s
  std::int64_t epoch = 0;
  std::int64_t instance = 0;
  std::int64_t first_token = 0;  // in the stream
};

class SampleOrder {
 public:
  // Error(invalid_argument) where the stream is shorter than one sequence, or nothing is left to
  // train on after holding out, or OLMo's orders find less than a batch or 2^32 instances; it names
  // the numbers and what to do. Borrows `cache`, which may be null.
  explicit SampleOrder(OrderSpec spec, const OrderCache* cache = nullptr);

  const OrderSpec& spec() const { return spec_; }
  std::int64_t num_instances() const { return num_instances_; }
  std::int64_t num_training() const { return num_instances_ - num_held_out(); }
  std::int64_t num_held_out() const;
  // Instance number of the i-th training or held-out instance.
  std::int64_t training_instance(std::int64_t i) const;
  std::int64_t held_out_instance(std::int64_t i) const;

  // Whether each instance lies in one shard.
  bool windows_end_with_shards() const { return spec_.name != "order"; }
  std::int64_t samples_per_epoch() const { return samples_per_epoch_; }
  // First token in the stream of an instance.
  std::int64_t first_token(std::int64_t instance) const;

  Sample sample(std::int64_t index) const;
  std::vector<Sample> batch(std::int64_t batch_index) const;
  // The first batch index >= `cursor` that is not skipped.
  std::int64_t next_batch(std::int64_t cursor) const;
  // The batch of the `updates`-th update (>= 1) counted from a state whose cursor is `cursor`.
  std::int64_t batch_of_update(std::int64_t cursor, std::int64_t updates) const;

 private:
  // Instances from `first_instance` on lie one behind the other from `first_token` on.
  struct Run {
    std::int64_t first_instance = 0;
    std::int64_t first_token = 0;
  };

  void place_instances();
  void plan_epochs(const OrderCache* cache);

  OrderSpec spec_;
  std::vector<Run> runs_;
  std::int64_t num_instances_ = 0;
  std::int64_t samples_per_epoch_ = 0;
  mutable std::optional<EpochOrder> epochs_;  // OLMo's orders
};

}  // namespace repro::train
