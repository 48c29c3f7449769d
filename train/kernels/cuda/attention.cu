// The kernels of attention_programs.h.
#include "train/kernels/cuda/attention_programs.h"
#include "train/kernels/cuda/start.cuh"

namespace repro::train {

template int detail::start(const JoinScoresBatch&, const Launch&);
template int detail::start(const VisibleMaximaBatch&, const Launch&);
template int detail::start(const QueryBoundsBatch&, const Launch&);
template int detail::start(const KeyBoundsBatch&, const Launch&);

}  // namespace repro::train
