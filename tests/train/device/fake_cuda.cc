// librepro_cuda.so of another build, or (FAKE_VERSION) of this one on a machine without a GPU.
#include "artifacts/base/error.h"
#include "train/device/cuda_api.h"

namespace repro::train {
namespace {

std::unique_ptr<Device> no_device() {
  throw Error(Code::environment, "there is no NVIDIA driver", "install one");
}

}  // namespace

extern "C" const CudaApi* repro_cuda_api() {
  static const CudaApi api = {FAKE_VERSION, no_device};
  return &api;
}

}  // namespace repro::train
