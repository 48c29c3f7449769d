// How every program becomes a kernel and is launched. Include the programs too, and instantiate
// detail::start for them: one .cu file for each header of programs, so that they compile side by
// side.
#pragma once

#include <cuda_runtime.h>

#include "train/kernels/cuda/device_warp.cuh"
#include "train/kernels/cuda/launch.h"

namespace repro::train {

// Args gives the kernel its name in profilers and tests.
template <class Args>
__global__ void __launch_bounds__(kBlockThreads)
    program_kernel(const Args args, const Progress progress) {
  if (progress.started != nullptr && blockIdx.x == 0 && threadIdx.x == 0) {
    *progress.started = progress.number;
  }
  run_units(DeviceWarp(), args);
}

template <class Args>
int detail::start(const Args& args, const Launch& how) {
  cudaLaunchConfig_t config = {};
  config.gridDim = how.blocks != 0 ? how.blocks : block_count(unit_count(args));
  config.blockDim = kBlockThreads;
  config.stream = how.stream;
  if (config.gridDim.x == 0) return cudaSuccess;
  return cudaLaunchKernelEx(&config, program_kernel<Args>, args, how.progress);
}

}  // namespace repro::train
