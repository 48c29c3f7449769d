// The kernels of row_programs.h.
#include "train/kernels/cuda/row_programs.h"
#include "train/kernels/cuda/start.cuh"

namespace repro::train {

template int detail::start(const RmsNormArgs&, const Launch&);
template int detail::start(const RmsNormBackwardBatch&, const Launch&);
template int detail::start(const RopeArgs&, const Launch&);
template int detail::start(const SwigluArgs&, const Launch&);
template int detail::start(const SwigluBackwardArgs&, const Launch&);
template int detail::start(const SoftmaxBatch&, const Launch&);
template int detail::start(const AttentionBackwardBatch&, const Launch&);
template int detail::start(const CrossEntropyBatch&, const Launch&);

}  // namespace repro::train
