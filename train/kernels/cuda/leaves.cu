// The kernel of leaf_programs.h.
#include "train/kernels/cuda/leaf_programs.h"
#include "train/kernels/cuda/start.cuh"

namespace repro::train {

template int detail::start(const LeafDigestsBatch&, const Launch&);

}  // namespace repro::train
