// Products of instruction sets that this machine may lack: the same kernel sources, compiled
// against SIMDe and a model of AMX tiles, and the programs of CUDA products (cuda_digits.h). Named
// "avx512 (emulated)", "amx (emulated)" and "cuda digits (emulated)".
#pragma once

#include <vector>

#include "train/kernels/gemm.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {

// The paths live as long as the program.
std::vector<const GemmPath*> emulated_gemm_paths();

// Those of this CPU, and the emulated ones.
std::vector<const GemmPath*> tested_gemm_paths();

// What those of them are made of that are cut into tiles.
std::vector<const PackedKernels*> tested_tile_kernels();

}  // namespace repro::train
