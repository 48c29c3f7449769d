// `olmo_order/1` and `olmo_core_order/1`: the orders of samples of OLMo's two trainers
// (docs/order.md), which are shuffles of numpy's (numpy_random.h).
//
// The numbers of an epoch's training instances in their shuffled order, `global_indices` there: as
// little-endian uint32 they are the bytes of the file of that name. 4 bytes an instance in memory,
// shuffled in place.
//
// Thread rules: pure functions; an EpochOrder belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/store/store.h"

namespace repro::train {

struct Shuffle {
  std::uint64_t seed = 0;  // of the generator: the run's seed and the epoch's number added up
  std::int64_t count = 0;  // instances; fewer than 2^32
  std::int64_t chunk = 1;  // so many consecutive instances stay together; divides `count`

  bool operator==(const Shuffle&) const = default;
};

std::vector<std::uint32_t> shuffled_indices(const Shuffle& shuffle);

// The last places of the same, [from, count), without the rest; `chunk` is 1.
std::vector<std::uint32_t> shuffled_tail(const Shuffle& shuffle, std::int64_t from);

// What a file of indices is held against: the order of `instances`, of which it may lack the end.
struct IndicesMatch {
  std::int64_t instances = 0;
  std::optional<std::int64_t> place;  // the first that differs
  std::uint32_t wanted = 0;           // there
  std::uint32_t found = 0;
};
// `indices`: 1 to `least` of them. The number of instances is the first in [least, most] whose
// order has the same end; `least` where none has. That takes a draw for each index that would be
// missing, for each number: keep (most - least) x (most - size) small. Then the whole order is
// made. `check_stop` (may be empty) is called before each of these; what it throws ends the search.
IndicesMatch match_indices(std::span<const std::uint32_t> indices, std::uint64_t seed,
                           std::int64_t least, std::int64_t most,
                           const std::function<void()>& check_stop = {});

// Keeps orders that take long to make as objects: the ref orders/NAME points to one. A ref is
// believed, so what verifies makes its orders anew, without a cache.
class OrderCache {
 public:
  // Borrows both. `keep` is where an order that was made is put, usually `store` itself; null:
  // nowhere. Orders of fewer instances are made each time.
  OrderCache(const artifacts::Store& store, artifacts::Store* keep,
             std::int64_t least_count = std::int64_t{1} << 24)
      : store_(&store), keep_(keep), least_count_(least_count) {}

  // Out of the store, or made. Error(corruption) naming the object where its bytes are not of its
  // name or not as many as `count` asks; and the errors of Store.
  std::vector<std::uint32_t> get(const Shuffle& shuffle) const;

  // "seed-6198.count-950933504.chunk-1"
  static std::string name_of(const Shuffle& shuffle);

 private:
  const artifacts::Store* store_;
  artifacts::Store* keep_;
  std::int64_t least_count_;
};

// The orders of consecutive epochs, of which one is in memory at a time.
class EpochOrder {
 public:
  // `first` is the shuffle of epoch 0; that of epoch e has the seed first.seed + e. Borrows
  // `cache`, which may be null.
  EpochOrder(Shuffle first, const OrderCache* cache) : first_(first), cache_(cache) {}

  // 0 <= place < count. The first call of an epoch makes its order.
  std::uint32_t index_at(std::int64_t epoch, std::int64_t place);

 private:
  Shuffle first_;
  const OrderCache* cache_;
  std::int64_t epoch_ = -1;  // in memory
  std::vector<std::uint32_t> indices_;
};

}  // namespace repro::train
