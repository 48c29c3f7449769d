// Runs a program (program.h) as a kernel on an NVIDIA GPU, with the bits that it has on the CPU.
// Untested on hardware (docs/gpu.md). Needs compute capability 8.0.
//
// A launch returns at once; the work is done in the stream's order. Pointers lead to memory of the
// device that lives until then, aliasing is allowed where the arguments' comments say so, and
// nothing is launched for no units.
//
// Errors: the cudaError_t of the launch, 0 for none (an int, for sources that see no CUDA header).
// It may be that of a kernel launched before; an error of the kernel itself appears when the stream
// is waited for. Thread rules: any thread.
#pragma once

#include <cstdint>

#include "train/kernels/cuda/program.h"

struct CUstream_st;

namespace repro::train {

using CudaStream = CUstream_st*;  // cudaStream_t

// Where a kernel tells that it started: *started = number, by one thread. In memory of the host
// that the device sees, it survives the device's failure. Null: nowhere.
struct Progress {
  volatile std::int64_t* started = nullptr;
  std::int64_t number = 0;
};

struct Launch {
  CudaStream stream = nullptr;
  Progress progress;
  std::uint32_t blocks = 0;  // 0: block_count of the units (grid.h); how many decides no bit
};

[[nodiscard]] int launch(const Program& program, const Launch& how);

namespace detail {
// Defined in start.cuh, compiled in the .cu files of this folder, each program in one.
template <class Args>
int start(const Args& args, const Launch& how);
}  // namespace detail

}  // namespace repro::train
