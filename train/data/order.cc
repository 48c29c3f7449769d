#include "train/data/order.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "artifacts/base/error.h"
#include "train/numerics/philox.h"
#include "train/tokenizer/tokenizer.h"

namespace repro::train {
namespace {

// The Philox key of an epoch's permutation.
std::uint64_t epoch_key(const OrderSpec& spec, std::int64_t epoch) {
  const Digest digest =
      sha256(fmt::format("order/1\n{}\n{}\n{}", spec.seed, epoch, spec.dataset_root.hex()));
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i) key |= std::uint64_t{digest.bytes[i]} << (8 * i);
  return key;
}

void check_spec(const OrderSpec& spec) {
  REPRO_CHECK(spec.sequence_length >= 1 && spec.batch_size >= 1 && spec.holdout_every >= 0);
  REPRO_CHECK(spec.chunk >= 1 && (spec.chunk == 1 || spec.name == "olmo_core_order"));
  std::int64_t end = 0;
  for (const auto& [first, stop] : spec.skip_batches) {
    REPRO_CHECK(first >= end && stop > first);
    end = stop;
  }
}

}  // namespace

OrderSpec plan_order(const manifests::Config& config, const manifests::Dataset& dataset) {
  const std::string wanted = resolve_tokenizer(config.data.tokenizer);
  if (wanted != dataset.tokenizer) {
    throw Error(Code::invalid_argument,
                fmt::format("the recipe wants the tokenizer {}, the dataset was made with {}",
                            wanted, dataset.tokenizer),
                "add the data with the recipe's tokenizer, or set data.tokenizer");
  }
  if (dataset.vocab_size > config.model.vocab_size) {
    throw Error(Code::invalid_argument,
                fmt::format("the dataset has token ids up to {}, the model's vocabulary has {}",
                            dataset.vocab_size - 1, config.model.vocab_size),
                fmt::format("set model.vocab_size to {} or more", dataset.vocab_size));
  }
  OrderSpec spec{.name = config.data.order,
                 .chunk = config.data.order_chunk,
                 .shard_tokens = {},
                 .dataset_root = manifests::dataset_root(dataset),
                 .seed = config.train.seed,
                 .sequence_length = config.data.sequence_length,
                 .holdout_every = config.data.holdout_every,
                 .batch_size = config.train.batch_size,
                 .skip_batches = config.data.skip_batches};
  for (const manifests::Shard& shard : dataset.shards)
    spec.shard_tokens.push_back(shard.num_tokens);
  return spec;
}

std::int64_t OrderSpec::num_tokens() const {
  return std::accumulate(shard_tokens.begin(), shard_tokens.end(), std::int64_t{0});
}

SampleOrder::SampleOrder(OrderSpec spec, const OrderCache* cache) : spec_(std::move(spec)) {
  check_spec(spec_);
  place_instances();
  if (num_instances_ == 0) {
    throw Error(
        Code::invalid_argument,
        fmt::format("the dataset has {} tokens{}; one sequence takes {}", spec_.num_tokens(),
                    windows_end_with_shards() ? " in shards too short" : "", spec_.sequence_length),
        "add more data, or lower data.sequence_length");
  }
  if (num_training() == 0) {
    throw Error(
        Code::invalid_argument,
        fmt::format("the dataset has {} sequences of {} tokens, and all are held out for "
                    "evaluation (data.holdout_every is {})",
                    num_instances_, spec_.sequence_length, spec_.holdout_every),
        "add more data, lower data.sequence_length, or change data.holdout_every (0: none)");
  }
  plan_epochs(cache);
}

void SampleOrder::place_instances() {
  if (!windows_end_with_shards()) {
    runs_.push_back({});
    num_instances_ = spec_.num_tokens() / spec_.sequence_length;
    return;
  }
  std::int64_t first_token = 0;
  for (const std::int64_t tokens : spec_.shard_tokens) {
    runs_.push_back({.first_instance = num_instances_, .first_token = first_token});
    const std::int64_t windows = tokens / spec_.sequence_length;
    num_instances_ += windows - windows % spec_.chunk;
    first_token += tokens;
  }
}

void SampleOrder::plan_epochs(const OrderCache* cache) {
  samples_per_epoch_ = num_training();
  if (!windows_end_with_shards()) return;
  const std::int64_t count = num_training() - num_training() % spec_.chunk;
  samples_per_epoch_ = count - count % spec_.batch_size;
  if (samples_per_epoch_ == 0) {
    throw Error(
        Code::invalid_argument,
        fmt::format("the dataset has {} sequences to train on; {} takes whole batches of {}", count,
                    spec_.name, spec_.batch_size),
        "add more data, or lower train.batch_size or data.sequence_length");
  }
  if (count >= UINT32_MAX) {
    throw Error(Code::invalid_argument,
                fmt::format("{} sequences to train on are more than {} can number (2^32 - 2)",
                            count, spec_.name),
                "set data.order to order, or raise data.sequence_length");
  }
  const std::uint64_t first_epoch = spec_.name == "olmo_core_order" ? 1 : 0;
  epochs_.emplace(Shuffle{.seed = static_cast<std::uint64_t>(spec_.seed) + first_epoch,
                          .count = count,
                          .chunk = spec_.chunk},
                  cache);
}

std::int64_t SampleOrder::num_held_out() const {
  return spec_.holdout_every == 0 ? 0 : num_instances_ / spec_.holdout_every;
}

std::int64_t SampleOrder::training_instance(std::int64_t i) const {
  REPRO_CHECK(i >= 0 && i < num_training());
  return spec_.holdout_every == 0 ? i : i + i / (spec_.holdout_every - 1);
}

std::int64_t SampleOrder::held_out_instance(std::int64_t i) const {
  REPRO_CHECK(i >= 0 && i < num_held_out());
  return i * spec_.holdout_every + spec_.holdout_every - 1;
}

std::int64_t SampleOrder::first_token(std::int64_t instance) const {
  REPRO_CHECK(instance >= 0 && instance < num_instances_);
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), instance,
                       [](std::int64_t i, const Run& run) { return i < run.first_instance; });
  const Run& run = *(after - 1);
  return run.first_token + (instance - run.first_instance) * spec_.sequence_length;
}

Sample SampleOrder::sample(std::int64_t index) const {
  REPRO_CHECK(index >= 0);
  Sample sample{
      .index = index, .epoch = index / samples_per_epoch_, .instance = 0, .first_token = 0};
  const std::int64_t position = index % samples_per_epoch_;
  const std::int64_t place =
      epochs_ ? epochs_->index_at(sample.epoch, position)
              : static_cast<std::int64_t>(permutation(epoch_key(spec_, sample.epoch),
                                                      static_cast<std::uint64_t>(position),
                                                      static_cast<std::uint64_t>(num_training())));
  sample.instance = training_instance(place);
  sample.first_token = first_token(sample.instance);
  return sample;
}

std::vector<Sample> SampleOrder::batch(std::int64_t batch_index) const {
  std::vector<Sample> samples;
  for (std::int64_t i = 0; i < spec_.batch_size; ++i) {
    samples.push_back(sample(batch_index * spec_.batch_size + i));
  }
  return samples;
}

std::int64_t SampleOrder::next_batch(std::int64_t cursor) const {
  return batch_of_update(cursor, 1);
}

std::int64_t SampleOrder::batch_of_update(std::int64_t cursor, std::int64_t updates) const {
  REPRO_CHECK(cursor >= 0 && updates >= 1);
  std::int64_t batch = cursor + updates - 1;
  for (const auto& [first, stop] : spec_.skip_batches) {
    if (stop <= cursor) continue;
    if (first > batch) break;
    batch += stop - std::max(first, cursor);
  }
  return batch;
}

}  // namespace repro::train
