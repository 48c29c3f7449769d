// The matrix products of this CPU, without their row kernels (paths.h joins the two).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/kernels/gemm.h"

namespace repro::train {

// Every known path that this CPU can run, best last; `blas` may be null. The objects live as long
// as the program. Any thread.
std::vector<const GemmPath*> available_gemm_paths(DoubleGemm blas);

// True for the name of a path that exists on some CPU.
bool is_known_path(std::string_view name);

}  // namespace repro::train
