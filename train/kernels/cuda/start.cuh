// How every program becomes a kernel and is launched. Include the programs too.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "artifacts/base/error.h"
#include "train/kernels/cuda/device_warp.cuh"
#include "train/kernels/cuda/rows.h"

namespace repro::train {

// Args gives the kernel its name in profilers and tests.
template <class Args>
__global__ void __launch_bounds__(kBlockThreads) program_kernel(const Args args) {
  run_units(DeviceWarp(), args);
}

template <class Args>
void start(const char* name, const Args& args, CudaStream stream) {
  const std::uint32_t blocks = block_count(unit_count(args));
  if (blocks == 0) return;
  program_kernel<<<blocks, kBlockThreads, 0, stream>>>(args);
  const cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) return;
  throw Error(
      Code::environment,
      std::string("the kernel ") + name + " did not start: " + cudaGetErrorString(status),
      "nothing of this step was published; `repro resume` goes on from the last checkpoint");
}

}  // namespace repro::train
