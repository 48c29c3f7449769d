// OLMo 2 for inference on LibTorch's own kernels: the profile `native`, forward only, with a KV
// cache. The layers are those of training (olmo2_forward.h). float32, or native.dtype bf16.
//
// Sequences are computed one by one, so what shares a batch changes no bit; how a sequence is cut
// into calls does (LibTorch's kernels sum by shape), within float accuracy.
#pragma once

#include <memory>

#include "manifests/config.h"
#include "train/models/language_model.h"
#include "train/nn/parameters.h"

namespace repro::train {

// On the CPU. Positions are limited to config.data.sequence_length. `extend` also refuses logits
// that are not finite: Error(invalid_argument). `parameters` outlive it and must not change.
std::unique_ptr<LanguageModel> make_native_olmo2_decoder(const manifests::Config& config,
                                                         int threads, const Parameters& parameters);

}  // namespace repro::train
