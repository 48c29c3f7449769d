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
  explicit DeviceLayerActivations(Device& the_device) : device(the_device) {}

  Device& device;
  DeviceQuantized h{device};
  DeviceArray<float> qkv{device};
  DeviceArray<float> q_r{device}, k_r{device};
  DeviceQuantized q{device}, k{device}, v{device};
  DeviceArray<float> o{device};
  DeviceQuantized o_digits{device};
  DeviceArray<float> attention_x{device}, attention_r{device};
  DeviceQuantized middle{device};
  DeviceArray<float> gate_up{device};
  DeviceQuantized a{device};
  DeviceArray<float> ffn_x{device}, ffn_r{device};

  DeviceAttentionInputs heads() const;
};

struct DeviceLayerScratch {
  DeviceLayerScratch(Device& the_device, std::int64_t queries)
      : device(the_device), attention(the_device, queries) {}

  Device& device;
  DeviceArray<float> q{device}, k{device};
  DeviceArray<float> a{device};
  DeviceArray<float> branch{device};
  DeviceArray<float> dx{device};
  DeviceArray<float> d_gate_up{device};
  DeviceArray<float> d_qkv{device};
  DeviceAttention attention;
};

void layer_forward(const DeviceModel& model, const StepShape& shape,
                   const DeviceLayerWeights& layer, const LayerStream& h,
                   DeviceLayerActivations& saved, DeviceLayerScratch& scratch);
// `in` [R, D]: the layer's input, which is read with pre_norm only. dh [R, D]: gradient of the
// layer's output in, of its input out.
void layer_backward(const DeviceModel& model, const StepShape& shape,
                    const DeviceLayerWeights& layer, std::span<const RowRange> groups,
                    const float* in, const DeviceLayerActivations& saved, float* dh,
                    DeviceLayerScratch& scratch);

}  // namespace repro::train
