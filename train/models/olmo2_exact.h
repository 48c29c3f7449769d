// OLMo 2 in the arithmetic exact/1: reordered norm, QK-norm over the full width, RoPE on halves,
// SwiGLU, untied head (2 OLMo 2 Furious, arXiv 2501.00656, section 2; docs/arithmetic.md for every
// operation).
//
//   q, k, v = h Wq^T, h Wk^T, h Wv^T;  q = rope(rms(q)), k = rope(rms(k))
//   h = h + rms(attention(q, k, v) Wo^T);  h = h + rms(swiglu(h Wgate^T, h Wup^T) Wdown^T)
//   logits = rms(h) Whead^T
#pragma once

#include <memory>

#include "train/models/backend.h"
#include "train/nn/attention.h"

namespace repro::train {

// `parameters` and `parallel` outlive the backend.
std::unique_ptr<Backend> make_exact_olmo2(const manifests::Config& config, KernelPath path,
                                          Parallel& parallel, Parameters& parameters);

}  // namespace repro::train
