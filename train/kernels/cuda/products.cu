// The kernels of head_programs.h and block_programs.h.
#include "train/kernels/cuda/block_programs.h"
#include "train/kernels/cuda/head_programs.h"
#include "train/kernels/cuda/start.cuh"

namespace repro::train {

template int detail::start(const JoinBatch&, const Launch&);
template int detail::start(const FillExponents&, const Launch&);
template int detail::start(const FillIndices&, const Launch&);
template int detail::start(const GatherBatch&, const Launch&);
template int detail::start(const QuantizeHeadsBatch&, const Launch&);
template int detail::start(const SplitHeadsBatch&, const Launch&);
template int detail::start(const QuantizeBlocksBatch&, const Launch&);
template int detail::start(const AddBlocksBatch&, const Launch&);

}  // namespace repro::train
