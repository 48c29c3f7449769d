// OLMo 2 on LibTorch's own kernels, with autograd: the profile `native`. Its promise is the field's
// usual one (same software, same hardware; on a CPU the same thread count), so the derivation binds
// those; see docs/determinism.md. Same parameters, order, schedule and log as the exact profile.
// float32; with native.dtype bf16 products and attention have bfloat16 operands and results, as
// mixed-precision training has them, and everything between them stays float32.
#pragma once

#include <memory>

#include "train/models/backend.h"

namespace repro::train {

// Where weights and moments lie.
enum class NativeState {
  shared,  // in the memory of `parameters`: on a CPU
  copied,  // on the device: refresh() brings them there, fetch() back
};

// Computes on config.run.device, "cpu" or "cuda"; the latter only with a copied state, and after
// prepare_torch_cuda(). The bits do not depend on `state`. `parameters` outlives the backend.
std::unique_ptr<Backend> make_native_olmo2(const manifests::Config& config, int threads,
                                           Parameters& parameters, NativeState state);

}  // namespace repro::train
