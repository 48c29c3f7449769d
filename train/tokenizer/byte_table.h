// Byte strings to numbers: a hash table that is filled once and then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace repro::train {

class ByteTable {
 public:
  // Room for `count` keys.
  explicit ByteTable(std::size_t count);

  // `key` must not be in it; at most the promised number of keys.
  void add(std::string_view key, std::uint32_t value);
  std::optional<std::uint32_t> find(std::string_view key) const;
  std::size_t longest() const { return longest_; }

 private:
  struct Slot {
    std::uint32_t tag = 0;  // of the hash
    std::uint32_t key = 0;  // 0: free; else number of the key + 1
  };
  struct Key {
    std::size_t offset;  // in pool_
    std::uint32_t size;
    std::uint32_t value;
  };

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<Key> keys_;
  std::string pool_;
  std::size_t longest_ = 0;
};

}  // namespace repro::train
