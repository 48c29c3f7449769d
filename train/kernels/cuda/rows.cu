// The kernels of rows.h: one program of row_programs.h or vector_programs.h each.
#include "train/kernels/cuda/rows.h"

#include "train/kernels/cuda/loss_programs.h"
#include "train/kernels/cuda/start.cuh"
#include "train/kernels/cuda/vector_programs.h"

namespace repro::train {

void launch(const QuantizeRowsArgs& args, CudaStream stream) {
  start("quantize_rows", args, stream);
}
void launch(const QuantizeColumnsArgs& args, CudaStream stream) {
  start("quantize_columns", args, stream);
}
void launch(const RmsNormArgs& args, CudaStream stream) { start("rms_norm", args, stream); }
void launch(const RmsNormBackwardBatch& args, CudaStream stream) {
  start("rms_norm_backward", args, stream);
}
void launch(const RopeArgs& args, CudaStream stream) { start("rope", args, stream); }
void launch(const SwigluArgs& args, CudaStream stream) { start("swiglu", args, stream); }
void launch(const SwigluBackwardArgs& args, CudaStream stream) {
  start("swiglu_backward", args, stream);
}
void launch(const SoftmaxBatch& args, CudaStream stream) { start("softmax", args, stream); }
void launch(const AttentionBackwardBatch& args, CudaStream stream) {
  start("attention_backward", args, stream);
}
void launch(const CrossEntropyBatch& args, CudaStream stream) {
  start("cross_entropy", args, stream);
}
void launch(const FinishBlocksBatch& args, CudaStream stream) {
  start("finish_blocks", args, stream);
}
void launch(const AddScaledBatch& args, CudaStream stream) {
  start("add_scaled_digits", args, stream);
}
void launch(const AddUnitsBatch& args, CudaStream stream) { start("add_units", args, stream); }
void launch(const PeaksBatch& args, CudaStream stream) { start("peaks", args, stream); }
void launch(const AddBatch& args, CudaStream stream) { start("add", args, stream); }
void launch(const AdamwArgs& args, CudaStream stream) { start("adamw", args, stream); }
void launch(const SumSquaresBatch& args, CudaStream stream) { start("sum_squares", args, stream); }
void launch(const SumPartsBatch& args, CudaStream stream) { start("sum_parts", args, stream); }
void launch(const FindNonFiniteBatch& args, CudaStream stream) {
  start("find_non_finite", args, stream);
}

}  // namespace repro::train
