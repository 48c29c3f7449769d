// One OLMo 2 layer on a device, forward and backward, in exact/1, as olmo2_layers.h on the CPU.
// Legend there.
#pragma once

#include <span>

#include "train/device/attention.h"
#include "train/device/layers.h"
#include "train/device/state.h"
#include "train/models/olmo2_layers.h"

namespace repro::train {

// Everything of the model that a layer needs.
struct DeviceModel {
  DeviceContext& context;
  const manifests::Config& config;
  const Parameters& layout;  // names the tensors and where they lie
  DeviceState& state;
  const DeviceRope& rope;

  const float* weight(const Parameter& parameter) const {
    return state.weights.data() + parameter.offset;
  }
  GradientSink sink(const Parameter& parameter) const;
};

// A layer's weights as operands of this step.
struct DeviceLayerWeights {
  DeviceLayerWeights(Device& device, const Parameters& layout, std::int64_t layer);

  LayerTensors tensors;
  DeviceWeight qkv;
  DeviceWeight o;
  DeviceWeight gate_up;
  DeviceWeight down;
};
// `digits` is scratch.
void prepare_layer(const DeviceModel& model, DeviceArray<std::int16_t>& digits,
                   DeviceLayerWeights& layer);

// Kept from forward to backward: LayerActivations.
struct DeviceLayerActivations {
  explicit DeviceLayerActivations(Device& device);

  DeviceQuantized h;
  DeviceArray<float> qkv;
  DeviceArray<float> q_r, k_r;
  DeviceQuantized q, k, v;
  DeviceArray<float> o;
  DeviceQuantized o_digits;
  DeviceArray<float> projected, projected_r;
  DeviceQuantized middle;
  DeviceArray<float> gate_up;
  DeviceQuantized a;
  DeviceArray<float> down, down_r;

  DeviceAttentionInputs heads() const;
};

struct DeviceLayerScratch {
  DeviceLayerScratch(Device& device, std::int64_t queries);

  DeviceArray<float> q, k;
  DeviceArray<float> a;
  DeviceArray<float> branch;
  DeviceArray<float> dx;
  DeviceArray<float> d_gate_up;
  DeviceArray<float> d_qkv;
  DeviceAttention attention;
};

// h [R, D] in place.
void layer_forward(const DeviceModel& model, const StepShape& shape,
                   const DeviceLayerWeights& layer, float* h, DeviceLayerActivations& saved,
                   DeviceLayerScratch& scratch);
// dh [R, D]: gradient of the layer's output in, of its input out.
void layer_backward(const DeviceModel& model, const StepShape& shape,
                    const DeviceLayerWeights& layer, std::span<const RowRange> groups,
                    const DeviceLayerActivations& saved, float* dh, DeviceLayerScratch& scratch);

}  // namespace repro::train
