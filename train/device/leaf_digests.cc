#include "train/device/leaf_digests.h"

#include "artifacts/base/error.h"
#include "artifacts/base/merkle.h"
#include "train/device/array.h"

namespace repro::train {
namespace {

std::int64_t leaf_count(const DeviceBytes& tensor) {
  return static_cast<std::int64_t>(merkle_leaf_count(static_cast<std::size_t>(tensor.bytes)));
}

struct Leaves {
  std::vector<TensorRegion> regions;
  std::int64_t count = 0;
};

Leaves list_leaves(std::span<const DeviceBytes> tensors) {
  Leaves leaves;
  for (const DeviceBytes& tensor : tensors) {
    REPRO_CHECK(tensor.bytes >= 0);
    REPRO_CHECK(can_hash(tensor));
    leaves.regions.push_back({tensor.data, tensor.bytes, leaves.count});
    leaves.count += leaf_count(tensor);
  }
  return leaves;
}

}  // namespace

bool can_hash(const DeviceBytes& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.data) % kSha256Alignment == 0;
}

std::vector<std::vector<Digest>> leaf_digests(Device& device,
                                              std::span<const DeviceBytes> tensors) {
  if (tensors.empty()) return {};
  const Leaves leaves = list_leaves(tensors);
  DeviceArray<TensorRegion> regions(device);
  regions.upload(leaves.regions);
  DeviceArray<Digest> digests(device, leaves.count);
  device.run(LeafDigestsBatch{regions.data(), regions.size(), leaves.count, digests.data()});
  const std::vector<Digest> all = digests.download();
  std::vector<std::vector<Digest>> result;
  auto next = all.begin();
  for (const DeviceBytes& tensor : tensors) {
    const auto end = next + leaf_count(tensor);
    result.emplace_back(next, end);
    next = end;
  }
  return result;
}

}  // namespace repro::train
