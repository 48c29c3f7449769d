// What a step keeps of its layers from forward to backward: everything that backward needs, or,
// with run.recompute, of each layer its input, and room for one layer, whose forward then runs
// again before its backward (Chen et al., "Training deep nets with sublinear memory cost", arXiv
// 1604.06174, with a segment for each layer).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "manifests/config.h"
#include "train/models/olmo2_layers.h"

namespace repro::train {

// `Activations` of one layer, `Floats` for its input [R, D]: on the CPU or on a device.
template <class Activations, class Floats>
class KeptLayers {
 public:
  // `arguments` make each of the two; they outlive them.
  template <class... Arguments>
  explicit KeptLayers(const manifests::Config& config, Arguments&... arguments)
      : recompute_(config.run.recompute) {
    const bool keeps_inputs = recompute_ || config.model.norm == "pre";  // a norm needs them again
    for (std::int64_t i = 0; i < config.model.num_layers; ++i) {
      if (i == 0 || !recompute_) activations_.emplace_back(arguments...);
      if (keeps_inputs) inputs_.emplace_back(arguments...);
    }
  }

  // Where forward writes, and backward reads, what is kept of the layer.
  Activations& of(std::size_t layer) { return activations_[recompute_ ? 0 : layer]; }
  // Whether another layer has been there since this one's forward: not for the last.
  bool is_lost(std::size_t layer) const { return recompute_ && layer + 1 < inputs_.size(); }
  // Where the residual stream lies before a layer (after the last: h): in h [R, D], or where the
  // layer's input is kept.
  float* stream_before(const StepShape& shape, std::size_t layer, float* h) {
    if (layer >= inputs_.size()) return h;
    inputs_[layer].resize(shape.rows() * shape.hidden);
    return inputs_[layer].data();
  }

 private:
  bool recompute_ = false;
  std::vector<Activations> activations_;
  std::vector<Floats> inputs_;
};

}  // namespace repro::train
