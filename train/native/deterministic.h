// LibTorch's switches against varying results, those of a CPU; of a GPU: torch_cuda.h.
#pragma once

namespace repro::train {

// Sets every one and the number of threads, and reads them back: Error(environment) where LibTorch
// does not keep one. They hold for the process.
void set_deterministic(int threads);

}  // namespace repro::train
