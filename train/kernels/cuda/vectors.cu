// The kernels of vector_programs.h and loss_programs.h.
#include "train/kernels/cuda/loss_programs.h"
#include "train/kernels/cuda/start.cuh"
#include "train/kernels/cuda/vector_programs.h"

namespace repro::train {

template int detail::start(const FinishBlocksBatch&, const Launch&);
template int detail::start(const AddScaledBatch&, const Launch&);
template int detail::start(const AddUnitsBatch&, const Launch&);
template int detail::start(const PeaksBatch&, const Launch&);
template int detail::start(const AddBatch&, const Launch&);
template int detail::start(const AdamwArgs&, const Launch&);
template int detail::start(const SumSquaresBatch&, const Launch&);
template int detail::start(const SumPartsBatch&, const Launch&);
template int detail::start(const FindNonFiniteBatch&, const Launch&);
template int detail::start(const MaxExponentBatch&, const Launch&);
template int detail::start(const LossRowsBatch&, const Launch&);

}  // namespace repro::train
