// The exact optimiser step on a device, as train/optim/adamw.h.
#pragma once

#include <cstdint>

#include "train/device/context.h"
#include "train/device/state.h"
#include "train/optim/adamw.h"

namespace repro::train {

// Waits for the device.
double gradient_norm(DeviceContext& context, std::int64_t unit, std::int64_t normalizer,
                     const DeviceState& state);

// `layout` names the tensors and where they lie. A weight that is not finite is reported when the
// faults are looked at.
void device_adamw(DeviceContext& context, std::int64_t unit, const UpdateConstants& constants,
                  double norm, const Parameters& layout, DeviceState& state);

}  // namespace repro::train
