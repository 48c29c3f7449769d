// The kernels of products.h.
#include "train/kernels/cuda/products.h"

#include "train/kernels/cuda/start.cuh"

namespace repro::train {

void launch(const SplitBatch& args, CudaStream stream) { start("split_digits", args, stream); }
void launch(const JoinBatch& args, CudaStream stream) { start("join_sums", args, stream); }
void launch(const FillExponents& args, CudaStream stream) { start("fill", args, stream); }
void launch(const FillIndices& args, CudaStream stream) { start("fill", args, stream); }
void launch(const GatherBatch& args, CudaStream stream) { start("gather", args, stream); }
void launch(const QuantizeHeadsBatch& args, CudaStream stream) {
  start("quantize_heads", args, stream);
}
void launch(const SplitHeadsBatch& args, CudaStream stream) { start("split_heads", args, stream); }
void launch(const SplitColumnsBatch& args, CudaStream stream) {
  start("split_columns", args, stream);
}
void launch(const ColumnExponentsBatch& args, CudaStream stream) {
  start("column_exponents", args, stream);
}
void launch(const QuantizeColumnsSplitBatch& args, CudaStream stream) {
  start("quantize_columns_split", args, stream);
}
void launch(const QuantizeBlocksBatch& args, CudaStream stream) {
  start("quantize_blocks", args, stream);
}
void launch(const AddBlocksBatch& args, CudaStream stream) { start("add_blocks", args, stream); }
void launch(const MaxExponentBatch& args, CudaStream stream) {
  start("max_exponent", args, stream);
}
void launch(const LossRowsBatch& args, CudaStream stream) { start("loss_rows", args, stream); }
void launch(const JoinScoresBatch& args, CudaStream stream) { start("join_scores", args, stream); }
void launch(const VisibleMaximaBatch& args, CudaStream stream) {
  start("visible_maxima", args, stream);
}
void launch(const QueryBoundsBatch& args, CudaStream stream) {
  start("query_bounds", args, stream);
}
void launch(const KeyBoundsBatch& args, CudaStream stream) { start("key_bounds", args, stream); }
void launch(const LeafDigestsBatch& args, CudaStream stream) {
  start("leaf_digests", args, stream);
}

}  // namespace repro::train
