// The row kernels on an NVIDIA GPU: each entry of row_kernels.h for many rows in one launch, with
// the same bits. Untested on hardware (docs/gpu.md).
//
// A launch returns at once; the work is done in the stream's order. Pointers lead to device memory
// that lives until then, aliasing is allowed where the arguments' comments say so, and nothing is
// launched for no rows. Throws Error (environment) naming the kernel where CUDA refuses a launch;
// an error of the kernel itself appears when the stream is waited for. Needs compute
// capability 8.0.
#pragma once

#include "train/kernels/cuda/row_batches.h"

struct CUstream_st;

namespace repro::train {

using CudaStream = CUstream_st*;  // cudaStream_t, for sources that see no CUDA header

void launch(const QuantizeRowsArgs& args, CudaStream stream);
void launch(const QuantizeColumnsArgs& args, CudaStream stream);
void launch(const RmsNormArgs& args, CudaStream stream);
void launch(const RmsNormBackwardBatch& args, CudaStream stream);
void launch(const RopeArgs& args, CudaStream stream);
void launch(const SwigluArgs& args, CudaStream stream);
void launch(const SwigluBackwardArgs& args, CudaStream stream);
void launch(const SoftmaxBatch& args, CudaStream stream);
void launch(const AttentionBackwardBatch& args, CudaStream stream);
void launch(const CrossEntropyBatch& args, CudaStream stream);
void launch(const FinishBlocksBatch& args, CudaStream stream);
void launch(const AddScaledBatch& args, CudaStream stream);
void launch(const AddUnitsBatch& args, CudaStream stream);
void launch(const PeaksBatch& args, CudaStream stream);
void launch(const AddBatch& args, CudaStream stream);
void launch(const AdamwArgs& args, CudaStream stream);
void launch(const SumSquaresBatch& args, CudaStream stream);
void launch(const SumPartsBatch& args, CudaStream stream);
void launch(const FindNonFiniteBatch& args, CudaStream stream);

}  // namespace repro::train
