// `order/1`: which sample is in which step (docs/order.md). A pure function of seed and dataset; it
// knows nothing of threads, ranks, micro-batches or of how the work is split.
//
//   instances   consecutive windows of sequence_length tokens of the stream; a remainder is dropped
//   held out    instance i with i mod holdout_every == holdout_every - 1
//   training    the others, in order: N of them
//   sample s    epoch e = s / N, position p = s mod N: training instance permutation_e(p)
//   batch b     samples b * batch_size ... (b + 1) * batch_size - 1
//   step t      the t-th batch that is not skipped; the state holds the next batch index
//
// Thread rules: immutable after construction.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "artifacts/base/digest.h"
#include "manifests/config.h"
#include "manifests/dataset.h"

namespace repro::train {

struct OrderSpec {
  std::int64_t num_tokens = 0;  // of the stream
  Digest dataset_root;
  std::int64_t seed = 0;
  std::int64_t sequence_length = 0;
  std::int64_t holdout_every = 0;  // 0: nothing is held out
  std::int64_t batch_size = 0;
  // Half-open, sorted, disjoint.
  std::vector<std::pair<std::int64_t, std::int64_t>> skip_batches;
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
  // train on after holding out; it names the numbers and what to do.
  explicit SampleOrder(OrderSpec spec);

  const OrderSpec& spec() const { return spec_; }
  std::int64_t num_instances() const { return num_instances_; }
  std::int64_t num_training() const { return num_instances_ - num_held_out(); }
  std::int64_t num_held_out() const;
  // Instance number of the i-th training or held-out instance.
  std::int64_t training_instance(std::int64_t i) const;
  std::int64_t held_out_instance(std::int64_t i) const;

  Sample sample(std::int64_t index) const;
  std::vector<Sample> batch(std::int64_t batch_index) const;
  // The first batch index >= `cursor` that is not skipped.
  std::int64_t next_batch(std::int64_t cursor) const;
  // The batch of the `updates`-th update (>= 1) counted from a state whose cursor is `cursor`.
  std::int64_t batch_of_update(std::int64_t cursor, std::int64_t updates) const;

 private:
  OrderSpec spec_;
  std::int64_t num_instances_ = 0;
};

}  // namespace repro::train
