#include "train/tokenizer/byte_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15U;  // 2^64 / the golden ratio, odd

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * kFactor;
  return hash ^ (hash >> 32U);
}

std::uint64_t hash_of(std::string_view key) {
  std::uint64_t hash = key.size();
  std::uint64_t word = 0;
  std::size_t at = 0;
  for (; at + sizeof(word) <= key.size(); at += sizeof(word)) {
    std::memcpy(&word, key.data() + at, sizeof(word));
    hash = mix(hash, word);
  }
  if (at < key.size()) {
    word = 0;
    std::memcpy(&word, key.data() + at, key.size() - at);
    hash = mix(hash, word);
  }
  return hash;
}

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32U); }

}  // namespace

ByteTable::ByteTable(std::size_t count) : slots_(std::bit_ceil(count * 2 + 2)) {
  keys_.reserve(count);
}

void ByteTable::add(std::string_view key, std::uint32_t value) {
  REPRO_CHECK((keys_.size() + 1) * 2 <= slots_.size());
  const std::uint64_t hash = hash_of(key);
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].key != 0) at = (at + 1) & (slots_.size() - 1);
  keys_.push_back({pool_.size(), static_cast<std::uint32_t>(key.size()), value});
  slots_[at] = {tag_of(hash), static_cast<std::uint32_t>(keys_.size())};
  pool_ += key;
  longest_ = std::max(longest_, key.size());
}

std::optional<std::uint32_t> ByteTable::find(std::string_view key) const {
  if (key.size() > longest_) return std::nullopt;
  const std::uint64_t hash = hash_of(key);
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].key != 0;
       at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag != tag_of(hash)) continue;
    const Key& found = keys_[slots_[at].key - 1];
    if (found.size == key.size() &&
        std::memcmp(pool_.data() + found.offset, key.data(), key.size()) == 0) {
      return found.value;
    }
  }
  return std::nullopt;
}

}  // namespace repro::train
