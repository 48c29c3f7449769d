#include "train/data/numpy_random.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

using Wide = unsigned __int128;

constexpr Wide wide(std::uint64_t high, std::uint64_t low) { return Wide{high} << 64 | low; }

constexpr Wide kMultiplier = wide(2549297995355413924U, 4865540595714422341U);

// The hash of SeedSequence: every call uses the next power of the multiplier.
class WordHash {
 public:
  WordHash(std::uint32_t start, std::uint32_t multiplier)
      : constant_(start), multiplier_(multiplier) {}

  std::uint32_t operator()(std::uint32_t value) {
    value ^= constant_;
    constant_ *= multiplier_;
    value *= constant_;
    return value ^ value >> 16;
  }

 private:
  std::uint32_t constant_;
  std::uint32_t multiplier_;
};

std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
  const std::uint32_t result = 0xca01f9ddU * x - 0x4973f715U * y;
  return result ^ result >> 16;
}

using Pool = std::array<std::uint32_t, 4>;

// The entropy is the seed's words, lowest first; two fit into the pool, the rest of which hashes 0.
Pool mix_entropy(std::uint64_t seed) {
  WordHash hash(0x43b0d7e5U, 0x931e8875U);
  Pool pool = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), 0, 0};
  for (std::uint32_t& word : pool) word = hash(word);
  for (std::size_t from = 0; from < pool.size(); ++from) {
    for (std::size_t to = 0; to < pool.size(); ++to) {
      if (from != to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  return pool;
}

}  // namespace

std::array<std::uint64_t, 4> numpy_seed_words(std::uint64_t seed) {
  const Pool pool = mix_entropy(seed);
  WordHash hash(0x8b51f9ddU, 0x58f38dedU);
  std::array<std::uint64_t, 4> words{};
  for (std::size_t i = 0; i < 2 * words.size(); ++i) {
    words[i / 2] |= std::uint64_t{hash(pool[i % pool.size()])} << (32 * (i % 2));
  }
  return words;
}

NumpyGenerator::NumpyGenerator(std::uint64_t seed) {
  const std::array<std::uint64_t, 4> words = numpy_seed_words(seed);
  increment_ = wide(words[2], words[3]) << 1 | 1;
  step();
  state_ += wide(words[0], words[1]);
  step();
}

void NumpyGenerator::step() { state_ = state_ * kMultiplier + increment_; }

std::uint64_t NumpyGenerator::next64() {
  step();
  const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
  return std::rotr(folded, static_cast<int>(state_ >> 122));
}

std::uint32_t NumpyGenerator::next32() {
  if (std::exchange(has_high_half_, !has_high_half_)) return high_half_;
  const std::uint64_t both = next64();
  high_half_ = static_cast<std::uint32_t>(both >> 32);
  return static_cast<std::uint32_t>(both);
}

std::uint32_t NumpyGenerator::draw(std::uint32_t bound) {
  if (bound == 0) return 0;  // numpy draws nothing either
  const std::uint32_t mask = ~std::uint32_t{0} >> std::countl_zero(bound);
  while (true) {
    const std::uint32_t value = next32() & mask;
    if (value <= bound) return value;
  }
}

// The places to swap with do not depend on the values, so a block of them is drawn ahead: an array
// that no cache holds is then fetched many elements at a time instead of one.
void shuffle(NumpyGenerator& generator, std::span<std::uint32_t> values) {
  REPRO_CHECK(values.size() <= ~std::uint32_t{0});
  constexpr std::size_t kBlock = 64;
  std::array<std::uint32_t, kBlock> places{};
  std::size_t last = values.size();
  while (last > 1) {
    const std::size_t count = std::min(kBlock, last - 1);
    for (std::size_t i = 0; i < count; ++i) {
      places[i] = generator.draw(static_cast<std::uint32_t>(last - 1 - i));
      __builtin_prefetch(&values[places[i]], 1);
    }
    for (std::size_t i = 0; i < count; ++i) std::swap(values[--last], values[places[i]]);
  }
}

}  // namespace repro::train
