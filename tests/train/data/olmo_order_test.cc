#include "train/data/olmo_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "artifacts/base/digest.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/data/bytes.h"

namespace repro::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ShuffledIndices, AreTheBytesOfGlobalIndices) {
  const auto indices = shuffled_indices({.seed = 6198, .count = 1'000'000});
  EXPECT_EQ(sha256(std::as_bytes(std::span(indices))).hex(),
            "915d7b77f7a55b8b545e0b175395dd57bcb5841e37d078d86b2477112e8e2bc1");
}

TEST(ShuffledIndices, ChunksStayTogether) {
  EXPECT_THAT(shuffled_indices({.seed = 6198, .count = 10, .chunk = 1}),
              ElementsAre(2, 4, 7, 3, 8, 9, 0, 6, 1, 5));
  const auto indices = shuffled_indices({.seed = 6198, .count = 30, .chunk = 3});
  EXPECT_THAT(std::vector(indices.begin(), indices.begin() + 9),
              ElementsAre(6, 7, 8, 12, 13, 14, 21, 22, 23));
  EXPECT_EQ(indices.back(), 17U);
  EXPECT_TRUE(shuffled_indices({.seed = 1, .count = 0}).empty());
}

TEST(ShuffledIndices, AreKnownFromTheirEndOn) {
  const Shuffle shuffle{.seed = 6198, .count = 1000};
  const auto all = shuffled_indices(shuffle);
  for (const std::int64_t from : {0, 1, 500, 990, 1000}) {
    EXPECT_EQ(shuffled_tail(shuffle, from), std::vector(all.begin() + from, all.end())) << from;
  }
}

TEST(MatchIndices, FindsHowManyInstancesThereWere) {
  for (const std::int64_t count : {1, 10, 1000}) {
    const auto all = shuffled_indices({.seed = 42, .count = count});
    for (const std::int64_t dropped : {0, 1, 7}) {
      if (dropped >= count) continue;
      const auto kept = std::span(all).first(all.size() - static_cast<std::size_t>(dropped));
      const auto size = static_cast<std::int64_t>(kept.size());
      const IndicesMatch match = match_indices(kept, 42, size, size + 7);
      EXPECT_EQ(match.place, std::nullopt);
      EXPECT_EQ(match.instances, count);
    }
  }
}

TEST(MatchIndices, TellsTheFirstPlaceThatDiffers) {
  auto indices = shuffled_indices({.seed = 42, .count = 100});
  std::swap(indices[3], indices[50]);
  const IndicesMatch match = match_indices(indices, 42, 100, 107);
  EXPECT_EQ(match.instances, 100);
  EXPECT_EQ(match.place, 3);
  EXPECT_EQ(match.wanted, indices[50]);
  EXPECT_EQ(match.found, indices[3]);
  const auto other = shuffled_indices({.seed = 43, .count = 100});
  EXPECT_EQ(match_indices(other, 42, 100, 107).place, 0);
}

TEST(MatchIndices, CanBeStoppedBeforeEachNumberThatIsTried) {
  const std::uint32_t first = 0;
  int calls = 0;
  const auto stop = [&] {
    if (++calls == 5) throw Error(Code::cancelled, "interrupted");
  };
  const Error error = catch_error([&] { match_indices({&first, 1}, 42, 1000, 1'000'000, stop); });
  EXPECT_EQ(error.code(), Code::cancelled);
  EXPECT_EQ(calls, 5);
}

class OrderCacheTest : public testing::Test {
 protected:
  const support::TemporaryFolder folder_;
  artifacts::Store store_ = artifacts::Store::init(system_file_system(), folder_ / ".repro");
  const Shuffle shuffle_{.seed = 42, .count = 1000};
  const std::string name_ = OrderCache::name_of(shuffle_);
};

TEST_F(OrderCacheTest, KeepsAnOrderAsTheObjectOfItsBytes) {
  const OrderCache cache(store_, &store_, 1000);
  const auto made = cache.get(shuffle_);
  EXPECT_EQ(made, shuffled_indices(shuffle_));
  const auto ref = store_.find_ref("orders", "seed-42.count-1000.chunk-1");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->target, sha256(std::as_bytes(std::span(made))));
  EXPECT_EQ(OrderCache(store_, nullptr, 1000).get(shuffle_), made);
}

TEST_F(OrderCacheTest, IsReadAndNotMadeAnew) {
  const std::vector<std::uint32_t> other(1000, 7);
  store_.set_ref({"orders", name_, store_.put(std::as_bytes(std::span(other))).digest});
  EXPECT_EQ(OrderCache(store_, &store_, 1000).get(shuffle_), other);
  EXPECT_EQ(OrderCache(store_, &store_, 1001).get(shuffle_), shuffled_indices(shuffle_));
}

TEST_F(OrderCacheTest, AReaderKeepsNothing) {
  EXPECT_EQ(OrderCache(store_, nullptr, 1000).get(shuffle_), shuffled_indices(shuffle_));
  EXPECT_FALSE(store_.find_ref("orders", name_));
  EXPECT_TRUE(store_.list_objects().empty());
}

TEST_F(OrderCacheTest, AnObjectThatIsGoneIsMadeAgain) {
  const OrderCache cache(store_, &store_, 1000);
  const auto made = cache.get(shuffle_);
  system_file_system().remove(store_.object_path(store_.find_ref("orders", name_)->target));
  EXPECT_EQ(cache.get(shuffle_), made);
  EXPECT_EQ(store_.list_objects().size(), 1U);
}

TEST_F(OrderCacheTest, AnObjectOfAnotherSizeIsNoOrder) {
  const auto object = store_.put(std::string(3996, 'x')).digest;
  store_.set_ref({"orders", name_, object});
  const Error error = catch_error([&] { OrderCache(store_, nullptr, 1000).get(shuffle_); });
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr(object.hex()));
  EXPECT_THAT(error.hint(), HasSubstr("refs/orders"));
}

TEST_F(OrderCacheTest, AFlippedBitIsFound) {
  const OrderCache cache(store_, &store_, 1000);
  cache.get(shuffle_);
  const Digest object = store_.find_ref("orders", name_)->target;
  const std::string path = store_.object_path(object);
  std::string bytes = support::read_text(path);
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  system_file_system().write_file_atomically(path, bytes);
  const Error error = catch_error([&] { cache.get(shuffle_); });
  EXPECT_EQ(error.code(), Code::corruption);
  EXPECT_THAT(error.message(), HasSubstr(object.hex()));
}

TEST(EpochOrder, EveryEpochHasTheNextSeed) {
  EpochOrder epochs({.seed = 6198, .count = 10}, nullptr);
  EXPECT_EQ(epochs.index_at(0, 0), 2U);
  EXPECT_EQ(epochs.index_at(1, 0), 6U);
  EXPECT_EQ(epochs.index_at(1, 9), 7U);
  EXPECT_EQ(epochs.index_at(0, 9), 5U);
}

}  // namespace
}  // namespace repro::train
