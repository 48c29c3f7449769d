// The functions of train/numerics compiled for GPUs. Untested on hardware.
#include "tests/gpu/gpu_functions.h"

#include <cuda_runtime.h>

#include <string>

#include "artifacts/base/error.h"
#include "train/kernels/cuda/grid.h"
#include "train/numerics/functions.h"

namespace repro::train {
namespace {

template <float (*kFunction)(float)>
__global__ void fill_kernel(std::uint32_t first, std::size_t count, float* results) {
  const std::size_t at = std::size_t{blockIdx.x} * kBlockThreads + threadIdx.x;
  if (at < count) results[at] = kFunction(from_bits(first + static_cast<std::uint32_t>(at)));
}

__global__ void fill_kernel_normal(std::uint32_t first, std::size_t count, float* results) {
  const std::size_t at = std::size_t{blockIdx.x} * kBlockThreads + threadIdx.x;
  if (at < count) results[at] = normal32(first + static_cast<std::uint32_t>(at));
}

template <class Kernel>
void fill_with(Kernel kernel, std::uint32_t first, std::size_t count, float* results) {
  const auto blocks = static_cast<std::uint32_t>((count + kBlockThreads - 1) / kBlockThreads);
  kernel<<<blocks, kBlockThreads>>>(first, count, results);
  const cudaError_t status = cudaDeviceSynchronize();
  if (status == cudaSuccess) return;
  throw Error(Code::environment, std::string("a table failed: ") + cudaGetErrorString(status));
}

template <float (*kFunction)(float)>
void fill(std::uint32_t first, std::size_t count, float* results) {
  fill_with(fill_kernel<kFunction>, first, count, results);
}

void fill_normal32(std::uint32_t first, std::size_t count, float* results) {
  fill_with(fill_kernel_normal, first, count, results);
}

}  // namespace

const FunctionBlocks& cuda_function_blocks() {
  static constexpr FunctionBlocks kBlocks = {"cuda",
                                             {{{"exp32", fill<exp32>},
                                               {"log32", fill<log32>},
                                               {"tanh32", fill<tanh32>},
                                               {"erf32", fill<erf32>},
                                               {"sigmoid32", fill<sigmoid32>},
                                               {"silu32", fill<silu32>},
                                               {"gelu32", fill<gelu32>},
                                               {"normal32", fill_normal32}}}};
  return kBlocks;
}

}  // namespace repro::train
