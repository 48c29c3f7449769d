#include "train/data/olmo_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "artifacts/base/error.h"
#include "train/data/numpy_random.h"

namespace repro::train {
namespace {

constexpr std::string_view kRefKind = "orders";

std::vector<std::uint32_t> load_indices(const artifacts::Store& store, const Digest& object,
                                        std::int64_t count) {
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(count));
  const auto bytes = std::as_writable_bytes(std::span(indices));
  std::size_t used = 0;
  if (store.size_of(object) != bytes.size()) {
    throw Error(Code::corruption,
                fmt::format("object {} is no order of {} instances", object.hex(), count),
                "remove the ref in refs/orders that names it; the order is made anew");
  }
  store.read(object, [&](std::span<const std::byte> piece) {
    REPRO_CHECK(piece.size() <= bytes.size() - used);
    std::memcpy(bytes.data() + used, piece.data(), piece.size());
    used += piece.size();
  });
  return indices;
}

}  // namespace

std::vector<std::uint32_t> shuffled_indices(const Shuffle& shuffle) {
  REPRO_CHECK(shuffle.chunk >= 1 && shuffle.count >= 0 && shuffle.count < UINT32_MAX &&
              shuffle.count % shuffle.chunk == 0);
  const auto chunk = static_cast<std::size_t>(shuffle.chunk);
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(shuffle.count));
  const auto chunks = std::span(indices).first(indices.size() / chunk);
  std::iota(chunks.begin(), chunks.end(), 0U);
  NumpyGenerator generator(shuffle.seed);
  train::shuffle(generator, chunks);
  if (chunk == 1) return indices;
  for (std::size_t i = chunks.size(); i-- > 0;) {  // from the end: what is read is not yet written
    const std::size_t first = indices[i] * chunk;
    for (std::size_t k = 0; k < chunk; ++k) {
      indices[i * chunk + k] = static_cast<std::uint32_t>(first + k);
    }
  }
  return indices;
}

std::vector<std::uint32_t> shuffled_tail(const Shuffle& shuffle, std::int64_t from) {
  REPRO_CHECK(shuffle.chunk == 1 && from >= 0 && from <= shuffle.count &&
              shuffle.count < UINT32_MAX);
  std::map<std::uint32_t, std::uint32_t> moved;  // places that hold another number
  const auto at = [&](std::uint32_t place) {
    const auto found = moved.find(place);
    return found == moved.end() ? place : found->second;
  };
  NumpyGenerator generator(shuffle.seed);
  std::vector<std::uint32_t> tail(static_cast<std::size_t>(shuffle.count - from));
  for (std::size_t i = tail.size(); i-- > 0;) {
    const auto place = static_cast<std::uint32_t>(from + static_cast<std::int64_t>(i));
    const std::uint32_t other = generator.draw(place);
    tail[i] = at(other);
    moved[other] = at(place);
  }
  return tail;
}

IndicesMatch match_indices(std::span<const std::uint32_t> indices, std::uint64_t seed,
                           std::int64_t least, std::int64_t most,
                           const std::function<void()>& check_stop) {
  constexpr std::size_t kEnd = 16;  // as many do not fit by chance
  REPRO_CHECK(!indices.empty() && static_cast<std::int64_t>(indices.size()) <= least);
  const auto end = indices.last(std::min(kEnd, indices.size()));
  const auto from = static_cast<std::int64_t>(indices.size() - end.size());
  const auto ends_so = [&](std::int64_t count) {
    const auto tail = shuffled_tail({seed, count, 1}, from);
    return std::equal(end.begin(), end.end(), tail.begin());
  };
  IndicesMatch match;
  match.instances = least;
  for (std::int64_t count = least; count <= most; ++count) {
    if (check_stop) check_stop();
    if (!ends_so(count)) continue;
    match.instances = count;
    break;
  }
  if (check_stop) check_stop();
  const std::vector<std::uint32_t> order = shuffled_indices({seed, match.instances, 1});
  const auto [found, wanted] = std::mismatch(indices.begin(), indices.end(), order.begin());
  if (found == indices.end()) return match;
  match.place = found - indices.begin();
  match.found = *found;
  match.wanted = *wanted;
  return match;
}

std::string OrderCache::name_of(const Shuffle& shuffle) {
  return fmt::format("seed-{}.count-{}.chunk-{}", shuffle.seed, shuffle.count, shuffle.chunk);
}

std::vector<std::uint32_t> OrderCache::get(const Shuffle& shuffle) const {
  if (shuffle.count < least_count_) return shuffled_indices(shuffle);
  const std::string name = name_of(shuffle);
  const auto ref = store_->find_ref(kRefKind, name);
  if (ref && store_->contains(ref->target)) {
    return load_indices(*store_, ref->target, shuffle.count);
  }
  std::vector<std::uint32_t> indices = shuffled_indices(shuffle);
  if (keep_ == nullptr) return indices;
  const Digest object = keep_->put(std::as_bytes(std::span(indices))).digest;
  keep_->set_ref({.kind = std::string(kRefKind), .name = name, .target = object});
  return indices;
}

std::uint32_t EpochOrder::index_at(std::int64_t epoch, std::int64_t place) {
  if (epoch != epoch_) {
    Shuffle shuffle = first_;
    shuffle.seed += static_cast<std::uint64_t>(epoch);
    std::vector<std::uint32_t>().swap(indices_);  // two do not have to fit into memory
    epoch_ = -1;
    indices_ = cache_ != nullptr ? cache_->get(shuffle) : shuffled_indices(shuffle);
    epoch_ = epoch;
  }
  return indices_.at(static_cast<std::size_t>(place));
}

}  // namespace repro::train
