// The exact optimiser step on a device, as train/optim/adamw.h.
#pragma once

#include <cstdint>

#include "train/device/context.h"
#include "train/device/state.h"
#include "train/optim/adamw.h"

namespace repro::train {

// `layout` names the tensors and where they lie. A weight that is not finite is reported when the
// faults are looked at. Returns the gradient's norm before clipping; waits for the device once.
double device_adamw(DeviceContext& context, std::int64_t unit, const UpdateConstants& constants,
                    const Parameters& layout, DeviceState& state);

}  // namespace repro::train
