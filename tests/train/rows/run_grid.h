// Runs a program of train/kernels/cuda as a launch of so many blocks: on an emulated grid
// (emulated_grid.cc), or on a GPU (tests/gpu/gpu_grid.cc). The same tests are linked with either.
#pragma once

#include <cstdint>

#include "train/kernels/cuda/program.h"

namespace repro::train {

// Returns when it is done. All pointers lead to the heap, which a GPU reads too. `seed` decides
// what is free: the order of warps, or how the kernel is launched.
void run_grid(const Program& program, std::uint32_t blocks, std::uint32_t seed);

}  // namespace repro::train
