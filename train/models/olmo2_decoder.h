// OLMo 2 in exact/1 for inference: forward only, with a KV cache. The layers and the attention are
// those of training (olmo2_layers.h, nn/attention.h); the cache holds K and V as the q15 digits and
// exponents that attention consumes, so a token that was cached and one that is computed again
// cannot differ.
#pragma once

#include <memory>

#include "manifests/config.h"
#include "train/kernels/paths.h"
#include "train/models/language_model.h"
#include "train/nn/parameters.h"

namespace repro::train {

// Reads the weights of `parameters` once: they must be loaded. Positions are limited to
// config.data.sequence_length, what the model was trained on. `parameters` and `parallel` outlive
// it.
std::unique_ptr<LanguageModel> make_exact_olmo2_decoder(const manifests::Config& config,
                                                        KernelPath path, Parallel& parallel,
                                                        const Parameters& parameters);

}  // namespace repro::train
