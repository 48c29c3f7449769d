#include "train/device/faults.h"

#include <utility>

namespace repro::train {

Faults::Faults(Device& device) : device_(device), slots_(device, kSlots) {
  device_.run(FillIndices{slots_.data(), kSlots, kNoIndex});
}

std::int64_t* Faults::watch(std::function<void(std::int64_t)> fail) {
  if (static_cast<std::int64_t>(watches_.size()) == kSlots) check();
  watches_.push_back(std::move(fail));
  return slots_.data() + watches_.size() - 1;
}

void Faults::check() {
  const auto used = std::exchange(watches_, {});
  std::vector<std::int64_t> found(used.size());
  device_.download(found.data(), slots_.data(), found.size() * sizeof(std::int64_t));
  device_.run(FillIndices{slots_.data(), static_cast<std::int64_t>(used.size()), kNoIndex});
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (found[i] != kNoIndex) used[i](found[i]);
  }
}

}  // namespace repro::train
