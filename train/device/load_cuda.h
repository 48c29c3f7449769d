// The NVIDIA GPU behind device.h: librepro_cuda.so, loaded when it is asked for.
#pragma once

#include <memory>

#include "train/device/device.h"

namespace repro::train {

// REPRO_CUDA_LIBRARY, else librepro_cuda.so beside this program. Error(environment) where it is
// not there, or where it finds no GPU that it can use.
std::unique_ptr<Device> make_cuda_device();

}  // namespace repro::train
