#include "train/data/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "tests/train/data/bytes.h"

namespace repro::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

OrderSpec spec_of(std::int64_t num_instances, std::int64_t holdout_every, std::int64_t batch_size) {
  OrderSpec spec;
  spec.shard_tokens = {num_instances * 8 + 3};
  spec.dataset_root = sha256("dataset");
  spec.seed = 7;
  spec.sequence_length = 8;
  spec.holdout_every = holdout_every;
  spec.batch_size = batch_size;
  return spec;
}

std::vector<std::int64_t> instances_of_epoch(const SampleOrder& order, std::int64_t epoch) {
  std::vector<std::int64_t> instances;
  for (std::int64_t p = 0; p < order.num_training(); ++p) {
    instances.push_back(order.sample(epoch * order.num_training() + p).instance);
  }
  return instances;
}

TEST(Order, InstancesAreHeldOutAtFixedPlaces) {
  const SampleOrder order(spec_of(10, 4, 1));
  EXPECT_EQ(order.num_instances(), 10);
  EXPECT_EQ(order.num_held_out(), 2);
  EXPECT_EQ(order.held_out_instance(0), 3);
  EXPECT_EQ(order.held_out_instance(1), 7);
  std::vector<std::int64_t> training;
  for (std::int64_t i = 0; i < order.num_training(); ++i) {
    training.push_back(order.training_instance(i));
  }
  EXPECT_THAT(training, ElementsAre(0, 1, 2, 4, 5, 6, 8, 9));
}

TEST(Order, EveryEpochPassesOverEveryTrainingInstanceOnce) {
  rc::check([] {
    const auto instances = *rc::gen::inRange<std::int64_t>(1, 400);
    const auto holdout = *rc::gen::element<std::int64_t>(0, 2, 3, 20, 1000);
    OrderSpec spec = spec_of(instances, holdout, 1);
    spec.seed = *rc::gen::arbitrary<std::int64_t>();
    const SampleOrder order(spec);
    for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
      auto seen = instances_of_epoch(order, epoch);
      std::sort(seen.begin(), seen.end());
      for (std::size_t i = 0; i < seen.size(); ++i) {
        RC_ASSERT(seen[i] == order.training_instance(static_cast<std::int64_t>(i)));
      }
    }
  });
}

TEST(Order, BatchSizeDoesNotChangeTheOrderOfSamples) {
  rc::check([] {
    const auto size = *rc::gen::inRange<std::int64_t>(1, 50);
    const SampleOrder one(spec_of(77, 20, 1));
    const SampleOrder many(spec_of(77, 20, size));
    std::int64_t s = 0;
    for (std::int64_t b = 0; b < 5; ++b) {
      for (const Sample& sample : many.batch(b)) {
        const Sample single = one.batch(s).at(0);
        RC_ASSERT(sample.index == s);
        RC_ASSERT(sample.instance == single.instance);
        RC_ASSERT(sample.first_token == sample.instance * 8);
        ++s;
      }
    }
  });
}

TEST(Order, EpochsSeedsAndDatasetsGiveOtherOrders) {
  const OrderSpec spec = spec_of(200, 20, 4);
  OrderSpec other_seed = spec;
  other_seed.seed = 8;
  OrderSpec other_data = spec;
  other_data.dataset_root = sha256("other");
  const SampleOrder order(spec);
  const std::set<std::vector<std::int64_t>> orders = {
      instances_of_epoch(order, 0), instances_of_epoch(order, 1),
      instances_of_epoch(SampleOrder(other_seed), 0),
      instances_of_epoch(SampleOrder(other_data), 0)};
  EXPECT_EQ(orders.size(), 4U);
}

// order/1 is frozen: other numbers here would be order/2.
TEST(Order, GoldenSamples) {
  const SampleOrder order(spec_of(100, 20, 4));
  std::vector<std::int64_t> instances;
  for (const std::int64_t s : {0, 1, 2, 3, 94, 95, 96, 1'000'000'007}) {
    instances.push_back(order.sample(s).instance);
  }
  EXPECT_THAT(instances, ElementsAre(36, 24, 78, 92, 81, 85, 71, 65));
  EXPECT_EQ(order.sample(95).epoch, 1);
}

// --- OLMo's orders -------------------------------------------------------------------------------

OrderSpec olmo_spec(std::vector<std::int64_t> shard_tokens, std::int64_t batch_size) {
  OrderSpec spec;
  spec.name = "olmo_order";
  spec.shard_tokens = std::move(shard_tokens);
  spec.seed = 6198;
  spec.sequence_length = 8;
  spec.batch_size = batch_size;
  return spec;
}

std::vector<std::int64_t> instances_of_batch(const SampleOrder& order, std::int64_t batch) {
  std::vector<std::int64_t> instances;
  for (const Sample& sample : order.batch(batch)) instances.push_back(sample.instance);
  return instances;
}

TEST(OlmoOrder, StepsTakeTheShuffleInBatches) {
  const SampleOrder order(olmo_spec({160}, 4));
  EXPECT_THAT(instances_of_batch(order, 0), ElementsAre(17, 4, 14, 3));
  EXPECT_THAT(instances_of_batch(order, 4), ElementsAre(7, 9, 8, 1));
  // epoch 1 is the shuffle of seed 6199
  EXPECT_THAT(instances_of_batch(order, 5), ElementsAre(19, 8, 9, 11));
  EXPECT_EQ(order.batch(5).at(0).epoch, 1);
  EXPECT_THAT(instances_of_batch(order, 0), ElementsAre(17, 4, 14, 3));
}

TEST(OlmoOrder, AnEpochEndsWithItsLastWholeBatch) {
  const SampleOrder order(olmo_spec({160}, 6));
  EXPECT_EQ(order.samples_per_epoch(), 18);
  EXPECT_THAT(instances_of_batch(order, 2), ElementsAre(2, 19, 0, 16, 7, 9));
  EXPECT_THAT(instances_of_batch(order, 3), ElementsAre(19, 8, 9, 11, 4, 5));
}

TEST(OlmoOrder, WindowsEndWithTheirShard) {
  const SampleOrder order(olmo_spec({17, 7, 24, 31}, 1));
  EXPECT_EQ(order.num_instances(), 2 + 0 + 3 + 3);
  std::vector<std::int64_t> first;
  for (std::int64_t i = 0; i < 8; ++i) first.push_back(order.first_token(i));
  EXPECT_THAT(first, ElementsAre(0, 8, 24, 32, 40, 48, 56, 64));
}

TEST(OlmoOrder, OlmoCoreCountsEpochsFromOneAndKeepsChunksTogether) {
  OrderSpec spec = olmo_spec({160 + 8, 8}, 4);  // of 21 windows one, of the other shard all remain
  spec.name = "olmo_core_order";
  spec.chunk = 2;
  spec.seed = 34521;
  const SampleOrder order(spec);
  EXPECT_EQ(order.num_instances(), 20);
  // shuffle(arange(10)) of seed 34522: 5 9 8 4 ...
  EXPECT_THAT(instances_of_batch(order, 0), ElementsAre(10, 11, 18, 19));
  EXPECT_THAT(instances_of_batch(order, 1), ElementsAre(16, 17, 8, 9));
  EXPECT_THAT(instances_of_batch(order, 4), ElementsAre(14, 15, 6, 7));
}

TEST(OlmoOrder, DoesNotDependOnTheBytes) {
  OrderSpec other = olmo_spec({160}, 4);
  other.dataset_root = sha256("other");
  EXPECT_EQ(instances_of_batch(SampleOrder(other), 3),
            instances_of_batch(SampleOrder(olmo_spec({160}, 4)), 3));
}

TEST(OlmoOrder, HeldOutInstancesAreLeftOutBeforeTheShuffle) {
  OrderSpec spec = olmo_spec({80}, 4);
  spec.holdout_every = 5;  // 4 and 9
  const SampleOrder order(spec);
  std::set<std::int64_t> seen;
  for (const std::int64_t b : {0, 1}) {
    for (const std::int64_t i : instances_of_batch(order, b)) seen.insert(i);
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 5, 6, 7, 8));
}

TEST(OlmoOrder, LessThanABatchIsRefused) {
  const Error error = catch_error([] { SampleOrder order(olmo_spec({31}, 4)); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("3 sequences to train on"));
  EXPECT_THAT(error.message(), HasSubstr("batches of 4"));
}

TEST(OlmoOrder, ShardsThatAreAllTooShortAreRefused) {
  const Error error = catch_error([] { SampleOrder order(olmo_spec({7, 7}, 1)); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("14 tokens in shards too short; one sequence takes 8"));
}

TEST(OlmoOrder, MoreInstancesThanItsNumbersCountAreRefusedBeforeAnyAllocation) {
  const Error error = catch_error([] { SampleOrder order(olmo_spec({std::int64_t{1} << 36}, 1)); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("8589934592 sequences"));
}

TEST(Order, SkippedBatchesKeepTheNumbersOfTheOthers) {
  OrderSpec spec = spec_of(100, 20, 4);
  spec.skip_batches = {{0, 2}, {3, 4}, {4, 6}, {10, 11}};
  const SampleOrder order(spec);
  std::vector<std::int64_t> taken;
  std::int64_t cursor = 0;
  for (int t = 1; t <= 7; ++t) {
    const std::int64_t batch = order.next_batch(cursor);
    EXPECT_EQ(order.batch_of_update(0, t), batch);
    taken.push_back(batch);
    cursor = batch + 1;
  }
  EXPECT_THAT(taken, ElementsAre(2, 6, 7, 8, 9, 11, 12));
  EXPECT_EQ(order.next_batch(5), 6);
  EXPECT_EQ(order.batch_of_update(10, 1), 11);
  EXPECT_EQ(order.batch(2).at(0).index, 8);
}

TEST(Order, UpdatesBySteppingAndByCountingAgree) {
  rc::check([] {
    OrderSpec spec = spec_of(50, 0, 2);
    std::int64_t end = 0;
    const auto gaps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 5));
    for (const int gap : gaps) {
      const std::int64_t first = end + gap;
      end = first + 1 + gap / 2;
      spec.skip_batches.emplace_back(first, end);
    }
    const SampleOrder order(spec);
    const auto start = *rc::gen::inRange<std::int64_t>(0, 20);
    std::int64_t cursor = start;
    for (std::int64_t t = 1; t < 20; ++t) {
      const std::int64_t batch = order.next_batch(cursor);
      RC_ASSERT(batch == order.batch_of_update(start, t));
      RC_ASSERT(batch >= cursor);
      cursor = batch + 1;
    }
  });
}

TEST(Order, ADatasetShorterThanASequenceIsRefusedWithTheNumbers) {
  OrderSpec spec = spec_of(0, 20, 1);
  spec.shard_tokens = {7};
  const Error error = catch_error([&] { SampleOrder order(spec); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("7 tokens; one sequence takes 8"));
  EXPECT_THAT(error.hint(), HasSubstr("data.sequence_length"));
}

TEST(Order, HoldingOutEverythingIsRefused) {
  const Error error = catch_error([&] { SampleOrder order(spec_of(5, 1, 1)); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("5 sequences"));
  EXPECT_THAT(error.hint(), HasSubstr("data.holdout_every"));
}

class PlanOrder : public testing::Test {
 protected:
  PlanOrder() {
    config_.model.vocab_size = 320;
    config_.data.sequence_length = 8;
    config_.train.batch_size = 2;
    config_.train.seed = 3;
    dataset_.vocab_size = 257;
    dataset_.shards.push_back(
        {.tokens = {}, .num_tokens = 100, .documents = {}, .num_documents = 1});
  }

  manifests::Config config_;
  manifests::Dataset dataset_;
};

TEST_F(PlanOrder, TakesNumbersFromConfigAndDataset) {
  const OrderSpec spec = plan_order(config_, dataset_);
  EXPECT_THAT(spec.shard_tokens, ElementsAre(100));
  EXPECT_EQ(spec.name, "order");
  EXPECT_EQ(spec.seed, 3);
  EXPECT_EQ(spec.dataset_root, manifests::dataset_root(dataset_));
}

TEST_F(PlanOrder, RefusesAnotherTokenizer) {
  config_.data.tokenizer = "ids";
  const Error error = catch_error([&] { plan_order(config_, dataset_); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("ids/1"));
  EXPECT_THAT(error.message(), HasSubstr("byte/1"));
  config_.data.tokenizer = "bpe";  // has a file, which is the dataset's
  EXPECT_THAT(catch_error([&] { plan_order(config_, dataset_); }).message(), HasSubstr("bpe/1"));
}

TEST_F(PlanOrder, RefusesIdsTheModelHasNot) {
  config_.model.vocab_size = 256;
  const Error error = catch_error([&] { plan_order(config_, dataset_); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.hint(), HasSubstr("257"));
}

}  // namespace
}  // namespace repro::train
