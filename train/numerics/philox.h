// Random numbers as pure functions: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", SC11), and the maps to uniform, normal, truncated normal and permutation
// (docs/arithmetic.md, "Random numbers"). No generator state: a value depends on its key and its
// index alone.
//
//   key      64 bits: stream_key(seed, purpose)
//   counter  {block low, block high, attempt or round, step}: element i is word i mod 4 of block i
//   / 4
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "train/numerics/functions.h"

namespace repro::train {

struct PhiloxBlock {
  std::uint32_t word[4] = {0, 0, 0, 0};
};

REPRO_HD PhiloxBlock philox4x32_10(std::uint64_t key, const PhiloxBlock& counter) {
  std::uint32_t key0 = static_cast<std::uint32_t>(key);
  std::uint32_t key1 = static_cast<std::uint32_t>(key >> 32);
  std::uint32_t c0 = counter.word[0], c1 = counter.word[1];
  std::uint32_t c2 = counter.word[2], c3 = counter.word[3];
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * c0;
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * c2;
    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ key0;
    c1 = static_cast<std::uint32_t>(b);
    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ key1;
    c3 = static_cast<std::uint32_t>(a);
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return {{c0, c1, c2, c3}};
}

// FNV-1a, 64 bits, over the bytes of `text`.
constexpr std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

// The key of one stream of a run. `purpose` says what is drawn and for which tensor, and carries a
// version: "init/1:lm_head.weight". Streams of different purposes are independent.
constexpr std::uint64_t stream_key(std::uint64_t seed, std::string_view purpose) {
  return seed ^ fnv1a64(purpose);
}

// Word of element `index`; `attempt` and `step` as above.
REPRO_HD std::uint32_t random_word(std::uint64_t key, std::uint64_t index,
                                   std::uint32_t attempt = 0, std::uint32_t step = 0) {
  const std::uint64_t block = index >> 2;
  const PhiloxBlock out =
      philox4x32_10(key, {{static_cast<std::uint32_t>(block),
                           static_cast<std::uint32_t>(block >> 32), attempt, step}});
  return out.word[index & 3];
}

// [0, 1), 24 bits: floor(word / 2^8) * 2^-24.
REPRO_HD float uniform32(std::uint32_t word) {
  return static_cast<float>(static_cast<std::int32_t>(word >> 8)) * 0x1p-24F;
}

// The standard normal cut at +-cutoff: normal32 of attempt 0, 1, ... until |z| <= cutoff; after 256
// attempts the last z is clamped. cutoff > 0.
REPRO_HD float truncated_normal32(std::uint64_t key, std::uint64_t index, float cutoff,
                                  std::uint32_t step = 0) {
  constexpr std::uint32_t kAttempts = 256;
  float z = 0;
  for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    z = normal32(random_word(key, index, attempt, step));
    if (abs32(z) <= cutoff) return z;
  }
  return detail::with_sign_of(cutoff, z);
}

// init/1: out[i] = rne32(z_i * rne32(deviation)), z the truncated normal of the stream "init/1:" +
// name. `cutoff` in standard deviations. out[0] is element `first`, a multiple of 4.
void fill_truncated_normal(std::uint64_t seed, std::string_view name, double deviation,
                           double cutoff, std::span<float> out, std::uint64_t first = 0);

// The place of `index` in a permutation of [0, n), n >= 1, index < n: a balanced Feistel network of
// eight rounds on 2h bits (the least h >= 1 with 2^2h >= n), walked until the value falls below n.
// O(1) memory; the expected number of walks is below 4.
constexpr int kFeistelRounds = 8;
REPRO_HD std::uint64_t permutation(std::uint64_t key, std::uint64_t index, std::uint64_t n) {
  int half = 1;
  while (half < 32 && ((n - 1) >> (2 * half)) != 0) ++half;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  std::uint64_t value = index;
  do {
    std::uint64_t left = value >> half;
    std::uint64_t right = value & mask;
    for (std::uint32_t round = 0; round < kFeistelRounds; ++round) {
      const std::uint32_t word =
          philox4x32_10(key, {{static_cast<std::uint32_t>(right), 0, round, 0}}).word[0];
      const std::uint64_t next = left ^ (word & mask);
      left = right;
      right = next;
    }
    value = (left << half) | right;
  } while (value >= n);
  return value;
}

}  // namespace repro::train
