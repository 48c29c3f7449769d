// What librepro_cuda.so exports. Both sides are built together; the version catches a stale file.
#pragma once

#include <memory>

#include "train/device/device.h"

namespace repro::train {

inline constexpr int kCudaApiVersion = 1;

struct CudaApi {
  int version = 0;
  // Device 0 of those that CUDA_VISIBLE_DEVICES leaves. Error(environment) where no GPU can be
  // used, with what was found and what to do (cuda_errors.h).
  std::unique_ptr<Device> (*make_device)() = nullptr;
};

// The one exported symbol: `extern "C" const CudaApi* repro_cuda_api()`.
inline constexpr const char* kCudaEntryName = "repro_cuda_api";

}  // namespace repro::train
