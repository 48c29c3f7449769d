// Products as a GPU makes them, on the CPU: the programs of train/kernels/cuda/split_gemm.h around
// three products of int8 into int32 by plain loops.
#pragma once

#include "train/kernels/gemm.h"

namespace repro::train {

// Lives as long as the program. Throws std::overflow_error where int32 sums could overflow in some
// order, which is a bug.
const GemmPath& cuda_digits_path();

}  // namespace repro::train
