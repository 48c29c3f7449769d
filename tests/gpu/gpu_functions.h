// The one-argument functions on a GPU.
#pragma once

#include "tests/train/numerics/function_blocks.h"

namespace repro::train {

// Path "cuda". `results` of fill lies in memory that the GPU shares.
const FunctionBlocks& cuda_function_blocks();

}  // namespace repro::train
