// run_grid on a GPU. Untested on hardware.
#include "tests/gpu/gpu_grid.h"

#include <cuda_runtime.h>

#include "artifacts/base/error.h"
#include "tests/train/rows/run_grid.h"
#include "train/kernels/cuda/launch.h"

namespace repro::train {
namespace {

void check(int status, const char* what) {
  if (status == cudaSuccess) return;
  throw Error(Code::environment,
              std::string(what) + ": " + cudaGetErrorString(static_cast<cudaError_t>(status)));
}

}  // namespace

GpuChoice prepare_gpu(std::size_t bytes) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    return {"", "there is no NVIDIA driver"};
  }
  cudaDeviceProp properties;
  cudaError_t status = cudaGetDeviceProperties(&properties, 0);
  if (status != cudaSuccess) return {"", cudaGetErrorString(status)};
  GpuChoice choice;
  choice.name = std::string(properties.name) + ", compute capability " +
                std::to_string(properties.major) + "." + std::to_string(properties.minor);
  if (properties.major < 8) {
    choice.problem = "compute capability 8.0 is needed";
    return choice;
  }
  status = cudaMallocManaged(&choice.memory, bytes);
  if (status != cudaSuccess) choice.problem = cudaGetErrorString(status);
  return choice;
}

void run_grid(const Program& program, std::uint32_t blocks, std::uint32_t seed) {
  Launch how;
  if (seed % 2 == 1) how.blocks = blocks;
  check(launch(program, how), "a kernel did not start");
  check(cudaDeviceSynchronize(), "a kernel failed");
}

}  // namespace repro::train
