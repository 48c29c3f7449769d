// The sequences that a LanguageModel holds open, each with what the model keeps of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "artifacts/base/error.h"
#include "train/models/language_model.h"

namespace repro::train {

// Refuses what LanguageModel::extend refuses: Error(invalid_argument).
void check_extension(std::span<const std::uint32_t> tokens, std::int64_t length,
                     std::int64_t capacity, std::int64_t vocab_size);

// `Cache` tells its length() and capacity() in tokens. Thread rules: one thread.
template <class Cache>
class OpenSequences {
 public:
  // The sequence's name: the least that is free.
  std::int64_t add(std::unique_ptr<Cache> cache) {
    auto place = std::find(caches_.begin(), caches_.end(), nullptr);
    if (place == caches_.end()) place = caches_.insert(place, nullptr);
    *place = std::move(cache);
    return place - caches_.begin();
  }

  void close(std::int64_t sequence) { caches_[index(sequence)].reset(); }

  Cache& at(std::int64_t sequence) { return *caches_[index(sequence)]; }
  const Cache& at(std::int64_t sequence) const { return *caches_[index(sequence)]; }

  // As `check_extension`, of every item; a sequence may be in a batch once.
  void check(std::span<const LanguageModel::Extension> batch, std::int64_t vocab_size) const {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const LanguageModel::Extension& item = batch[i];
      const auto before = batch.first(i);
      REPRO_CHECK(std::none_of(before.begin(), before.end(),
                               [&](const auto& other) { return other.sequence == item.sequence; }));
      const Cache& seen = at(item.sequence);
      check_extension(item.tokens, seen.length(), seen.capacity(), vocab_size);
    }
  }

 private:
  std::size_t index(std::int64_t sequence) const {
    REPRO_CHECK(sequence >= 0 && sequence < static_cast<std::int64_t>(caches_.size()));
    const auto place = static_cast<std::size_t>(sequence);
    REPRO_CHECK(caches_[place] != nullptr);
    return place;
  }

  std::vector<std::unique_ptr<Cache>> caches_;  // null: free
};

}  // namespace repro::train
