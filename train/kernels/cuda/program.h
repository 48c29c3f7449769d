// Every program a device can be told to run, as one type: a launch is a value. What they compute
// stands at their arguments (row_kernels.h, row_batches.h, split_gemm.h, head_programs.h,
// column_programs.h, block_programs.h, attention_programs.h, leaf_programs.h).
#pragma once

#include <variant>

#include "train/kernels/cuda/attention_programs.h"
#include "train/kernels/cuda/block_programs.h"
#include "train/kernels/cuda/column_programs.h"
#include "train/kernels/cuda/head_programs.h"
#include "train/kernels/cuda/leaf_programs.h"
#include "train/kernels/cuda/loss_programs.h"
#include "train/kernels/cuda/split_gemm.h"
#include "train/kernels/cuda/vector_programs.h"

namespace repro::train {

using Program =
    std::variant<RmsNormArgs, RmsNormBackwardBatch, RopeArgs, SwigluArgs, SwigluBackwardArgs,
                 SoftmaxBatch, AttentionBackwardBatch, CrossEntropyBatch, FinishBlocksBatch,
                 AddScaledBatch, AddUnitsBatch, PeaksBatch, AddBatch, AdamwArgs, SumSquaresBatch,
                 SumPartsBatch, FindNonFiniteBatch, JoinBatch, FillExponents, FillIndices,
                 GatherBatch, QuantizeHeadsBatch, SplitHeadsBatch, SplitColumnsBatch,
                 ColumnExponentsBatch, QuantizeColumnsSplitBatch, QuantizeBlocksBatch,
                 AddBlocksBatch, MaxExponentBatch, LossRowsBatch, JoinScoresBatch,
                 VisibleMaximaBatch, QueryBoundsBatch, KeyBoundsBatch, LeafDigestsBatch>;

}  // namespace repro::train
