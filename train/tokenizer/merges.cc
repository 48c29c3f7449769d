#include "train/tokenizer/merges.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

constexpr std::uint32_t kNoRank = UINT32_MAX;
constexpr std::uint32_t kNowhere = UINT32_MAX;
// No pair: both ids would be the last of 2^32, which no vocabulary has.
constexpr std::uint64_t kFree = UINT64_MAX;
// Up to here looking at all parts for each merge is faster than a heap.
constexpr std::size_t kShort = 48;

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) {
  return (std::uint64_t{left} << 32U) | right;
}

std::size_t hash_of(std::uint64_t pair) {
  const std::uint64_t hash = pair * 0x9E3779B97F4A7C15U;
  return static_cast<std::size_t>(hash ^ (hash >> 32U));
}

}  // namespace

MergeTable::MergeTable(const std::array<std::uint32_t, 256>& byte_ids,
                       std::span<const MergeRule> rules)
    : byte_ids_(byte_ids), slots_(std::bit_ceil(rules.size() * 2 + 2), Slot{kFree, kNoRank, 0}) {
  for (std::size_t rank = 0; rank < rules.size(); ++rank) {
    const MergeRule& rule = rules[rank];
    std::size_t at = hash_of(pair_of(rule.left, rule.right)) & (slots_.size() - 1);
    while (slots_[at].pair != kFree) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {pair_of(rule.left, rule.right), static_cast<std::uint32_t>(rank), rule.result};
  }
}

const MergeTable::Slot* MergeTable::find(std::uint32_t left, std::uint32_t right) const {
  const std::uint64_t pair = pair_of(left, right);
  std::size_t at = hash_of(pair) & (slots_.size() - 1);
  while (slots_[at].pair != pair) {
    if (slots_[at].pair == kFree) return nullptr;
    at = (at + 1) & (slots_.size() - 1);
  }
  return &slots_[at];
}

std::uint32_t MergeTable::rank_of(std::uint32_t left, std::uint32_t right) const {
  const Slot* slot = find(left, right);
  return slot != nullptr ? slot->rank : kNoRank;
}

void MergeTable::start(std::string_view piece, MergeScratch& scratch) const {
  auto& parts = scratch.parts;
  parts.resize(piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const auto place = static_cast<std::uint32_t>(i);
    parts[i] = {byte_ids_[static_cast<unsigned char>(piece[i])], kNoRank, place - 1, place + 1};
  }
  parts.back().next = kNowhere;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    parts[i].rank = rank_of(parts[i].id, parts[i + 1].id);
  }
}

void MergeTable::merge(std::string_view piece, MergeScratch& scratch,
                       std::vector<std::uint32_t>& ids) const {
  if (piece.empty()) return;
  REPRO_CHECK(piece.size() < kNowhere);
  start(piece, scratch);
  if (piece.size() <= kShort) {
    merge_short(scratch);
  } else {
    merge_long(scratch);
  }
  for (const MergeScratch::Part& part : scratch.parts) ids.push_back(part.id);
}

void MergeTable::merge_short(MergeScratch& scratch) const {
  auto& parts = scratch.parts;
  while (true) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parts[i].rank < parts[best].rank) best = i;
    }
    if (parts[best].rank == kNoRank) return;
    parts[best].id = find(parts[best].id, parts[best + 1].id)->result;
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    const bool last = best + 1 == parts.size();
    parts[best].rank = last ? kNoRank : rank_of(parts[best].id, parts[best + 1].id);
    if (best > 0) parts[best - 1].rank = rank_of(parts[best - 1].id, parts[best].id);
  }
}

// An entry of the heap is void once its part has another rank: a part that was swallowed has none.
void MergeTable::merge_long(MergeScratch& scratch) const {
  auto& parts = scratch.parts;
  auto& heap = scratch.heap;
  heap.clear();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].rank != kNoRank) heap.emplace_back(parts[i].rank, i);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  const auto rank_anew = [&](std::uint32_t place) {
    MergeScratch::Part& part = parts[place];
    part.rank = part.next == kNowhere ? kNoRank : rank_of(part.id, parts[part.next].id);
    if (part.rank == kNoRank) return;
    heap.emplace_back(part.rank, place);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  while (!heap.empty()) {
    const auto [rank, place] = heap.front();
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    heap.pop_back();
    MergeScratch::Part& part = parts[place];
    if (part.rank != rank) continue;
    MergeScratch::Part& swallowed = parts[part.next];
    part.id = find(part.id, swallowed.id)->result;
    swallowed.rank = kNoRank;
    part.next = swallowed.next;
    if (part.next != kNowhere) parts[part.next].previous = place;
    rank_anew(place);
    if (place != 0) rank_anew(part.previous);
  }
  std::size_t kept = 0;
  for (std::uint32_t at = 0; at != kNowhere; ++kept) {
    const std::uint32_t next = parts[at].next;
    parts[kept] = parts[at];
    at = next;
  }
  parts.resize(kept);
}

}  // namespace repro::train
