// The kernels of products.h.
#include "train/kernels/cuda/products.h"

#include "train/kernels/cuda/start.cuh"

namespace repro::train {

void launch(const SplitBatch& args, CudaStream stream) { start("split_digits", args, stream); }
void launch(const QuantizeSplitBatch& args, CudaStream stream) {
  start("quantize_split", args, stream);
}
void launch(const JoinBatch& args, CudaStream stream) { start("join_sums", args, stream); }

}  // namespace repro::train
