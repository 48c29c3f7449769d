// The trained state on a device: the buffers of Parameters (train/nn/parameters.h), element for
// element.
#pragma once

#include "train/device/array.h"
#include "train/nn/parameters.h"

namespace repro::train {

struct DeviceState {
  explicit DeviceState(Device& device)
      : weights(device), exp_avg(device), exp_avg_sq(device), gradient(device) {}

  DeviceArray<float> weights;
  DeviceArray<float> exp_avg;
  DeviceArray<float> exp_avg_sq;
  DeviceArray<std::int64_t> gradient;  // stays on the device

  void upload(const Parameters& parameters);
  // Waits for the device.
  void download(Parameters& parameters) const;
};

}  // namespace repro::train
