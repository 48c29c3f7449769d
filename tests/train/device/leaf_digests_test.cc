// Roots of tensors on a device are those of their bytes on the host.
#include "train/device/leaf_digests.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/merkle.h"
#include "tests/train/device/emulated_device.h"
#include "train/device/array.h"

namespace repro::train {
namespace {

constexpr std::int64_t kChunk = kMerkleChunkBytes;

std::vector<std::byte> random_bytes(std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(static_cast<std::size_t>(count));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// Tensors of these sizes, on the host and on a device.
class Tensors {
 public:
  Tensors(Device& device, const std::vector<std::int64_t>& sizes) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      host.push_back(random_bytes(sizes[i], static_cast<std::uint32_t>(i)));
      parts.emplace_back();
      if (sizes[i] == 0) continue;
      arrays_.emplace_back(device).upload(host.back());
      parts.back() = {arrays_.back().data(), sizes[i]};
    }
  }

  std::vector<std::vector<std::byte>> host;
  std::vector<DeviceBytes> parts;

 private:
  std::vector<DeviceArray<std::byte>> arrays_;
};

TEST(LeafDigests, TheRootsAreThoseOfTheBytes) {
  EmulatedDevice device(3);
  const Tensors tensors(device, {4, 0, kChunk, 3 * kChunk, 16, 2 * kChunk + 20, 0, kChunk - 4, 63});
  std::vector<std::vector<Digest>> leaves = leaf_digests(device, tensors.parts);
  ASSERT_EQ(leaves.size(), tensors.host.size());
  for (std::size_t t = 0; t < leaves.size(); ++t) {
    EXPECT_EQ(leaves[t].size(), merkle_leaf_count(tensors.host[t].size()));
    EXPECT_EQ(merkle_root(std::move(leaves[t])), tensor_root(tensors.host[t])) << t;
  }
}

TEST(LeafDigests, PartsOfOneArrayAreTensorsToo) {
  EmulatedDevice device(4);
  const Tensors whole(device, {2 * kChunk + 1000});
  const std::byte* data = whole.parts[0].data;
  const auto host = std::span<const std::byte>(whole.host[0]);
  std::vector<std::vector<Digest>> leaves =
      leaf_digests(device, std::vector<DeviceBytes>{{data + 32, kChunk + 7}, {data + 16, 100}});
  ASSERT_EQ(leaves.size(), 2U);
  EXPECT_EQ(merkle_root(std::move(leaves[0])), tensor_root(host.subspan(32, kChunk + 7)));
  EXPECT_EQ(merkle_root(std::move(leaves[1])), tensor_root(host.subspan(16, 100)));
}

TEST(LeafDigests, NoTensorsNeedNoDevice) {
  EmulatedDevice device(5, 0);
  EXPECT_TRUE(leaf_digests(device, {}).empty());
  EXPECT_EQ(device.peak_bytes(), 0);
}

TEST(LeafDigests, OnlyTableAndDigestsAreAllocatedAndBothAreReleased) {
  EmulatedDevice device(6, 1 << 20);
  const Tensors tensors(device, {5 * kChunk, 1});
  const DeviceMemory before = device.memory();
  leaf_digests(device, tensors.parts);
  EXPECT_EQ(device.memory().free, before.free);
  EXPECT_EQ(device.peak_bytes(), before.total - before.free + 2 * 24 + 6 * 32);
}

TEST(LeafDigests, WithoutRoomItSaysSoAndLosesNothing) {
  EmulatedDevice device(7, 1000);
  const Tensors tensors(device, {960});
  try {
    leaf_digests(device, tensors.parts);
    ADD_FAILURE() << "there was room";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
  }
  EXPECT_EQ(device.memory().free, 40);
  std::vector<std::byte> still(960);
  device.download(still.data(), tensors.parts[0].data, still.size());
  EXPECT_EQ(still, tensors.host[0]);
}

TEST(LeafDigests, UnalignedTensorsAreRefused) {
  EmulatedDevice device(8);
  const Tensors tensors(device, {64});
  const DeviceBytes unaligned{tensors.parts[0].data + 4, 8};
  try {
    leaf_digests(device, std::span(&unaligned, 1));
    ADD_FAILURE() << "was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::internal);
  }
}

}  // namespace
}  // namespace repro::train
