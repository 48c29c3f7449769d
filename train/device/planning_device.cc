#include "train/device/planning_device.h"

#include <algorithm>
#include <cstring>

namespace repro::train {

DeviceMemory PlanningDevice::memory() const { return {kEndlessMemory, kEndlessMemory}; }

void* PlanningDevice::allocate(std::size_t bytes) {
  const std::size_t rounded = (bytes + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment;
  void* data = reinterpret_cast<void*>(next_);
  next_ += rounded + kDeviceAlignment;  // no two blocks share an address, not even empty ones
  blocks_[data] = static_cast<std::int64_t>(rounded);
  held_ += static_cast<std::int64_t>(rounded);
  peak_ = std::max(peak_, held_);
  return data;
}

void PlanningDevice::release(void* data) noexcept {
  const auto found = blocks_.find(data);
  held_ -= found->second;
  blocks_.erase(found);
}

void PlanningDevice::download(void* to, const void*, std::size_t bytes) {
  auto* bytes_to = static_cast<std::byte*>(to);
  for (std::size_t i = 0; i < bytes; i += sizeof(kNoIndex)) {
    std::memcpy(bytes_to + i, &kNoIndex, std::min(sizeof(kNoIndex), bytes - i));
  }
}

}  // namespace repro::train
