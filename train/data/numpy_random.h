// The part of numpy's random numbers that decides an order of samples, bit for bit:
//
//   Generator(PCG64(seed)).shuffle(a)      for a one-dimensional array of fewer than 2^32 elements
//
// Own code after the published algorithms; numpy promises that bit generators keep their streams,
// and its `shuffle` has drawn in this way since 1.17. The chain, from docs/order.md:
//
//   SeedSequence(seed)   O'Neill's seed_seq: 32-bit words hashed into a pool of four, and out again
//   PCG64                PCG XSL-RR 128/64, the output taken after the step
//   32-bit draws         low half of a 64-bit output first, then its high half
//   bounded draws        masked rejection: 32-bit draws & (2^bits - 1) until one is at most the
//                        bound (not Lemire's method, which `integers` uses)
//
// Golden values: tests/golden/numpy_random.json, which names the numpy that made them.
// Thread rules: values; one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace repro::train {

// SeedSequence(seed).generate_state(4, uint64).
std::array<std::uint64_t, 4> numpy_seed_words(std::uint64_t seed);

// Generator(PCG64(seed)).
class NumpyGenerator {
 public:
  explicit NumpyGenerator(std::uint64_t seed);

  std::uint64_t next64();
  std::uint32_t next32();
  // Uniform in 0..bound, both included.
  std::uint32_t draw(std::uint32_t bound);

 private:
  void step();

  unsigned __int128 state_ = 0;
  unsigned __int128 increment_ = 0;
  std::uint32_t high_half_ = 0;  // of the last output, where `has_high_half_`
  bool has_high_half_ = false;
};

// generator.shuffle(values), in place: Fisher-Yates from the last element down. Fewer than 2^32
// elements.
void shuffle(NumpyGenerator& generator, std::span<std::uint32_t> values);

}  // namespace repro::train
