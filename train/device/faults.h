// What went wrong on a device, found when the host next looks: programs lower an index in the
// device's memory and go on; `check` throws for the first watch, in the order they were made, whose
// index was lowered. Until then the results of the step are garbage that nobody may publish.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "train/device/array.h"

namespace repro::train {

class Faults {
 public:
  explicit Faults(Device& device);

  // A place for a program to lower, which holds kNoIndex before the programs queued from here on.
  // `fail` is given the index and throws.
  std::int64_t* watch(std::function<void(std::int64_t index)> fail);

  // Waits for the device, throws what `fail` throws, and forgets all watches.
  void check();

 private:
  static constexpr std::int64_t kSlots = 8192;

  Device& device_;
  DeviceArray<std::int64_t> slots_;
  std::vector<std::function<void(std::int64_t)>> watches_;
};

}  // namespace repro::train
