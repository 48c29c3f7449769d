// Merkle leaves of tensors that lie on a device: hashed there, so that 32 bytes a leaf of 64 KiB
// come to the host. The leaves are those of artifacts/base/merkle.h, and so are the roots:
//
//   std::vector<std::vector<Digest>> leaves = leaf_digests(device, tensors);
//   const Digest root = merkle_root(std::move(leaves[t]));  // that of tensor t
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "artifacts/base/digest.h"
#include "train/device/device.h"

namespace repro::train {

// Bytes on a device, which stay the caller's.
struct DeviceBytes {
  const std::byte* data = nullptr;  // may be null where there are none
  std::int64_t bytes = 0;
};
// Whether they are aligned as the program reads them; a tensor that follows another of odd size in
// one buffer may not be.
bool can_hash(const DeviceBytes& tensor);

// The leaves of each tensor, in order; an empty tensor has one. Hashes what the tensors, all of
// which can be hashed, hold when the queue gets there, in one launch, and waits for it. Errors: the
// device's. Thread rules: its.
std::vector<std::vector<Digest>> leaf_digests(Device& device, std::span<const DeviceBytes> tensors);

}  // namespace repro::train
