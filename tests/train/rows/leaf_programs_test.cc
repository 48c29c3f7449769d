// Merkle leaves on an emulated grid: those of artifacts/base/merkle.h.
#include "train/kernels/cuda/leaf_programs.h"

#include <gtest/gtest.h>

#include <random>
#include <span>
#include <vector>

#include "tests/train/rows/run_grid.h"

namespace repro::train {
namespace {

constexpr std::int64_t kChunk = kMerkleChunkBytes;

class LeafPrograms : public testing::TestWithParam<std::uint32_t> {
 protected:
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint32_t>(bound));
  }
  // Mostly of one leaf, some of several; empty and whole chunks come up often.
  std::int64_t random_size() {
    const std::int64_t chunks = below(8) == 0 ? below(4) : 0;
    const std::int64_t rest = below(3) == 0 ? 0 : (below(2) == 0 ? below(200) : below(5000));
    return chunks * kChunk + rest;
  }
  std::vector<std::byte> random_bytes(std::int64_t count) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(count));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
    return bytes;
  }
  std::uint32_t blocks() { return static_cast<std::uint32_t>(below(3) + 1); }

 private:
  std::mt19937 random_{GetParam()};
};

TEST_P(LeafPrograms, EveryLeafOfAListOfTensors) {
  std::vector<std::vector<std::byte>> tensors;
  std::vector<TensorRegion> regions;
  std::vector<Digest> want;
  for (std::int64_t t = below(100) + 1; t > 0; --t) {
    const std::vector<std::byte>& bytes = tensors.emplace_back(random_bytes(random_size()));
    regions.push_back({bytes.data(), static_cast<std::int64_t>(bytes.size()),
                       static_cast<std::int64_t>(want.size())});
    for (std::size_t i = 0; i < merkle_leaf_count(bytes.size()); ++i) {
      const auto rest = std::span(bytes).subspan(i * kMerkleChunkBytes);
      want.push_back(merkle_leaf(rest.first(std::min(rest.size(), kMerkleChunkBytes))));
    }
  }
  const Digest guard = sha256("not a leaf");
  std::vector<Digest> digests(want.size() + 40, guard);
  const auto leaves = static_cast<std::int64_t>(want.size());
  run_grid(LeafDigestsBatch{regions.data(), static_cast<std::int64_t>(regions.size()), leaves,
                            digests.data()},
           blocks(), GetParam());
  want.resize(digests.size(), guard);
  EXPECT_EQ(digests, want);
}

INSTANTIATE_TEST_SUITE_P(Shapes, LeafPrograms, testing::Range(0U, 12U));

}  // namespace
}  // namespace repro::train
