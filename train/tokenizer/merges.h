// Byte-pair merging of one piece of text (Sennrich et al. 2016, on bytes): as long as some pair of
// neighbours has a rule, the rule of the lowest rank is applied at its leftmost place.
//
// Thread rules: MergeTable is immutable once filled; a MergeScratch belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace repro::train {

// left and right become `result`. Its rank is its place in the list.
struct MergeRule {
  std::uint32_t left;
  std::uint32_t right;
  std::uint32_t result;
};

// Room that calls share.
struct MergeScratch {
  struct Part {
    std::uint32_t id;
    std::uint32_t rank;      // of the rule for it and the next part; kNoRank: none
    std::uint32_t previous;  // of long pieces: places of the neighbours
    std::uint32_t next;
  };
  std::vector<Part> parts;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> heap;  // (rank, place)
};

class MergeTable {
 public:
  // `byte_ids`: the id of every single byte. `rules`: no pair twice.
  MergeTable(const std::array<std::uint32_t, 256>& byte_ids, std::span<const MergeRule> rules);

  // Appends the ids of `piece` (fewer than 2^32 bytes) to `ids`.
  void merge(std::string_view piece, MergeScratch& scratch, std::vector<std::uint32_t>& ids) const;

 private:
  struct Slot {
    std::uint64_t pair;
    std::uint32_t rank;
    std::uint32_t result;
  };

  const Slot* find(std::uint32_t left, std::uint32_t right) const;
  std::uint32_t rank_of(std::uint32_t left, std::uint32_t right) const;
  void start(std::string_view piece, MergeScratch& scratch) const;
  void merge_short(MergeScratch& scratch) const;
  void merge_long(MergeScratch& scratch) const;

  std::array<std::uint32_t, 256> byte_ids_;
  std::vector<Slot> slots_;  // a power of two, at most half full
};

}  // namespace repro::train
