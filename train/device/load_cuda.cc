#include "train/device/load_cuda.h"

#include "artifacts/base/error.h"
#include "artifacts/base/part.h"
#include "train/device/cuda_api.h"

namespace repro::train {
namespace {

constexpr Part kCudaPart = {
    .what = "the GPU part",
    .file = "librepro_cuda.so",
    .variable = "REPRO_CUDA_LIBRARY",
    .entry = kCudaEntryName,
    .version = kCudaApiVersion,
    .hint =
        "build with a CUDA compiler (docs/gpu.md), or leave --device out: on the CPU exact "
        "gives the bits that any device must give"};

}  // namespace

std::unique_ptr<Device> make_cuda_device() {
  if (!part_available(kCudaPart)) {
    throw Error(Code::environment,
                "--device cuda: this build has no GPU part (" + part_path(kCudaPart) + ")",
                kCudaPart.hint);
  }
  try {
    return load_part<CudaApi>(kCudaPart).make_device();
  } catch (const Error& error) {
    throw Error(error.code(), std::string("--device cuda: ") + error.what(), error.hint());
  }
}

}  // namespace repro::train
