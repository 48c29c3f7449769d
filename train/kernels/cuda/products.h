// What a product of digits needs around its three int8 products (split_gemm.h), on an NVIDIA GPU:
// the contract of launches is that of rows.h. Untested on hardware (docs/gpu.md).
#pragma once

#include "train/kernels/cuda/attention_programs.h"
#include "train/kernels/cuda/block_programs.h"
#include "train/kernels/cuda/column_programs.h"
#include "train/kernels/cuda/head_programs.h"
#include "train/kernels/cuda/leaf_programs.h"
#include "train/kernels/cuda/loss_programs.h"
#include "train/kernels/cuda/rows.h"
#include "train/kernels/cuda/split_gemm.h"

namespace repro::train {

void launch(const SplitBatch& args, CudaStream stream);
void launch(const JoinBatch& args, CudaStream stream);
void launch(const FillExponents& args, CudaStream stream);
void launch(const FillIndices& args, CudaStream stream);
void launch(const GatherBatch& args, CudaStream stream);
void launch(const QuantizeHeadsBatch& args, CudaStream stream);
void launch(const SplitHeadsBatch& args, CudaStream stream);
void launch(const SplitColumnsBatch& args, CudaStream stream);
void launch(const ColumnExponentsBatch& args, CudaStream stream);
void launch(const QuantizeColumnsSplitBatch& args, CudaStream stream);
void launch(const QuantizeBlocksBatch& args, CudaStream stream);
void launch(const AddBlocksBatch& args, CudaStream stream);
void launch(const MaxExponentBatch& args, CudaStream stream);
void launch(const LossRowsBatch& args, CudaStream stream);
void launch(const JoinScoresBatch& args, CudaStream stream);
void launch(const VisibleMaximaBatch& args, CudaStream stream);
void launch(const QueryBoundsBatch& args, CudaStream stream);
void launch(const KeyBoundsBatch& args, CudaStream stream);
void launch(const LeafDigestsBatch& args, CudaStream stream);

}  // namespace repro::train
