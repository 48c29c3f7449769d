// The device that tests of a whole step run on: an emulated one, or a GPU where that is linked.
#pragma once

#include <memory>

#include "train/device/device.h"

namespace repro::train {

std::unique_ptr<Device> make_test_device();

}  // namespace repro::train
