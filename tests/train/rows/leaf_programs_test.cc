// Merkle leaves on an emulated grid: those of artifacts/base/merkle.h.
#include "train/kernels/cuda/leaf_programs.h"

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "tests/train/rows/program_test.h"

namespace repro::train {
namespace {

constexpr std::int64_t kChunk = kMerkleChunkBytes;

class LeafPrograms : public ProgramTest {
 protected:
  // Mostly of one leaf, some of several; empty and whole chunks come up often.
  std::int64_t random_size() {
    const std::int64_t chunks = below(8) == 0 ? below(4) : 0;
    const std::int64_t rest = below(3) == 0 ? 0 : (below(2) == 0 ? below(200) : below(5000));
    return chunks * kChunk + rest;
  }
};

TEST_P(LeafPrograms, EveryLeafOfAListOfTensors) {
  std::vector<std::vector<std::byte>> tensors;
  std::vector<TensorRegion> regions;
  std::vector<Digest> want;
  for (std::int64_t t = below(100) + 1; t > 0; --t) {
    const std::vector<std::byte>& bytes =
        tensors.emplace_back(integers<std::byte>(random_size(), 0, 255));
    regions.push_back({bytes.data(), static_cast<std::int64_t>(bytes.size()),
                       static_cast<std::int64_t>(want.size())});
    for (std::size_t i = 0; i < merkle_leaf_count(bytes.size()); ++i) {
      const auto rest = std::span(bytes).subspan(i * kMerkleChunkBytes);
      want.push_back(merkle_leaf(rest.first(std::min(rest.size(), kMerkleChunkBytes))));
    }
  }
  const auto leaves = static_cast<std::int64_t>(want.size());
  Guarded<Digest> digests(leaves);
  run(LeafDigestsBatch{regions.data(), static_cast<std::int64_t>(regions.size()), leaves,
                       digests.data()});
  EXPECT_EQ(digests.values(), want);
  EXPECT_TRUE(digests.intact());
}

INSTANTIATE_TEST_SUITE_P(Shapes, LeafPrograms, testing::Range(0U, 12U));

}  // namespace
}  // namespace repro::train
