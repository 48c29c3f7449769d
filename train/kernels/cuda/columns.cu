// The kernels of column_programs.h.
#include "train/kernels/cuda/column_programs.h"
#include "train/kernels/cuda/start.cuh"

namespace repro::train {

template int detail::start(const SplitColumnsBatch&, const Launch&);
template int detail::start(const ColumnExponentsBatch&, const Launch&);
template int detail::start(const QuantizeColumnsSplitBatch&, const Launch&);

}  // namespace repro::train
