#include "train/models/olmo2_device_layers.h"

#include <string>

namespace repro::train {
namespace {

void prepare_matrix(const DeviceModel& model, const Parameter& first, std::int64_t outputs,
                    DeviceArray<std::int16_t>& digits, DeviceWeight& weight) {
  prepare_weight(model.context, first.name, model.weight(first), outputs, first.shape[1], 0, digits,
                 weight);
}

NormShape norm_shape(const StepShape& shape, std::int64_t width) {
  return {shape.rows(), width, shape.epsilon};
}

RotateShape rotate_shape(const StepShape& shape, std::int64_t heads) {
  return {shape.attention.sequences, shape.attention.length, heads, shape.attention.head_dim};
}

void add_into(const DeviceModel& model, std::int64_t count, const float* x, float* sum) {
  model.context.device.run(AddBatch{sum, x, count, sum});
}

// x [R, D] (packed) through its norm with gain, added to h in place.
void add_normed(const DeviceModel& model, const StepShape& shape, const Parameter& gain,
                const DeviceArray<float>& x, float* h, DeviceArray<float>& r) {
  r.resize(shape.rows());
  norm_forward(model.context, gain.name, norm_shape(shape, shape.hidden),
               {x.data(), shape.hidden, model.weight(gain), h, h, r.data()});
}

// The gradient of such a branch, into scratch.branch.
void branch_gradient(const DeviceModel& model, const StepShape& shape, const Parameter& gain,
                     const DeviceArray<float>& x, const DeviceArray<float>& r, const float* dh,
                     DeviceLayerScratch& scratch) {
  scratch.branch.resize(shape.rows() * shape.hidden);
  norm_backward(model.context, norm_shape(shape, shape.hidden),
                {dh, x.data(), shape.hidden, model.weight(gain), r.data(), scratch.branch.data(),
                 shape.hidden},
                model.sink(gain));
}

// From h to the digits of q, k and v.
void heads_forward(const DeviceModel& model, const StepShape& shape,
                   const DeviceLayerWeights& layer, const float* h, DeviceLayerActivations& saved,
                   DeviceLayerScratch& scratch) {
  const AttentionShape& attention = shape.attention;
  const std::int64_t rows = shape.rows();
  const std::int64_t width = attention.width();
  const std::int64_t kv_width = attention.kv_width();
  const std::int64_t ld = shape.qkv_width();
  const LayerTensors& tensors = layer.tensors;
  saved.qkv.resize(rows * ld);
  linear(model.context, "input of " + tensors.q->name, h, rows, layer.qkv, saved.h,
         saved.qkv.data());
  scratch.q.resize(rows * width);
  scratch.k.resize(rows * kv_width);
  saved.q_r.resize(rows);
  saved.k_r.resize(rows);
  norm_forward(model.context, tensors.q_norm->name, norm_shape(shape, width),
               {saved.qkv.data(), ld, model.weight(*tensors.q_norm), nullptr, scratch.q.data(),
                saved.q_r.data()});
  norm_forward(model.context, tensors.k_norm->name, norm_shape(shape, kv_width),
               {saved.qkv.data() + width, ld, model.weight(*tensors.k_norm), nullptr,
                scratch.k.data(), saved.k_r.data()});
  rotate(model.context, rotate_shape(shape, attention.heads), model.rope, scratch.q.data(), false);
  rotate(model.context, rotate_shape(shape, attention.kv_heads), model.rope, scratch.k.data(),
         false);
  quantize(model.context, tensors.q_norm->name, scratch.q.data(), rows, width, width, saved.q,
           {attention.heads, nullptr});
  quantize(model.context, tensors.k_norm->name, scratch.k.data(), rows, kv_width, kv_width, saved.k,
           {attention.kv_heads, nullptr});
  quantize(model.context, "values of " + tensors.q->name, saved.qkv.data() + width + kv_width, rows,
           kv_width, ld, saved.v, {attention.kv_heads, nullptr});
}

void ffn_forward(const DeviceModel& model, const StepShape& shape, const DeviceLayerWeights& layer,
                 float* h, DeviceLayerActivations& saved, DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  saved.gate_up.resize(rows * 2 * shape.ffn);
  linear(model.context, "input of " + tensors.gate->name, h, rows, layer.gate_up, saved.middle,
         saved.gate_up.data());
  scratch.a.resize(rows * shape.ffn);
  model.context.device.run(SwigluArgs{saved.gate_up.data(), rows, shape.ffn, scratch.a.data()});
  saved.down.resize(rows * shape.hidden);
  linear(model.context, "input of " + tensors.down->name, scratch.a.data(), rows, layer.down,
         saved.a, saved.down.data());
  add_normed(model, shape, *tensors.ffn_norm, saved.down, h, saved.down_r);
}

void ffn_backward(const DeviceModel& model, const StepShape& shape, const DeviceLayerWeights& layer,
                  std::span<const RowRange> groups, const DeviceLayerActivations& saved, float* dh,
                  DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  branch_gradient(model, shape, *tensors.ffn_norm, saved.down, saved.down_r, dh, scratch);
  scratch.dx.resize(rows * shape.ffn);
  linear_input_gradient(model.context, "gradient of " + tensors.down->name, scratch.branch.data(),
                        rows, layer.down, scratch.dx.data());
  linear_weight_gradient(model.context, scratch.branch.data(), saved.a, shape.hidden, groups,
                         model.sink(*tensors.down));
  scratch.d_gate_up.resize(rows * 2 * shape.ffn);
  model.context.device.run(SwigluBackwardArgs{saved.gate_up.data(), scratch.dx.data(), rows,
                                              shape.ffn, scratch.d_gate_up.data()});
  linear_input_gradient(model.context, "gradient of " + tensors.gate->name,
                        scratch.d_gate_up.data(), rows, layer.gate_up, scratch.branch.data());
  linear_weight_gradient(model.context, scratch.d_gate_up.data(), saved.middle, 2 * shape.ffn,
                         groups, model.sink(*tensors.gate));
  add_into(model, rows * shape.hidden, scratch.branch.data(), dh);
}

// Through RoPE and the q/k norm, into one (q | k | v) gradient.
void projection_gradients(const DeviceModel& model, const StepShape& shape,
                          const DeviceLayerWeights& layer, const DeviceLayerActivations& saved,
                          DeviceLayerScratch& scratch) {
  const AttentionShape& attention = shape.attention;
  const std::int64_t width = attention.width();
  const std::int64_t kv_width = attention.kv_width();
  const std::int64_t ld = shape.qkv_width();
  const Parameter& q_norm = *layer.tensors.q_norm;
  const Parameter& k_norm = *layer.tensors.k_norm;
  rotate(model.context, rotate_shape(shape, attention.heads), model.rope, scratch.q.data(), true);
  rotate(model.context, rotate_shape(shape, attention.kv_heads), model.rope, scratch.k.data(),
         true);
  norm_backward(model.context, norm_shape(shape, width),
                {scratch.q.data(), saved.qkv.data(), ld, model.weight(q_norm), saved.q_r.data(),
                 scratch.d_qkv.data(), ld},
                model.sink(q_norm));
  norm_backward(model.context, norm_shape(shape, kv_width),
                {scratch.k.data(), saved.qkv.data() + width, ld, model.weight(k_norm),
                 saved.k_r.data(), scratch.d_qkv.data() + width, ld},
                model.sink(k_norm));
}

void heads_backward(const DeviceModel& model, const StepShape& shape,
                    const DeviceLayerActivations& saved, DeviceLayerScratch& scratch) {
  const std::int64_t width = shape.attention.width();
  const std::int64_t kv_width = shape.attention.kv_width();
  const std::int64_t ld = shape.qkv_width();
  scratch.q.resize(shape.rows() * width);
  scratch.k.resize(shape.rows() * kv_width);
  scratch.d_qkv.resize(shape.rows() * ld);
  AttentionGradients gradients;
  gradients.dq = scratch.q.data();
  gradients.ld_q = width;
  gradients.dk = scratch.k.data();
  gradients.ld_k = kv_width;
  gradients.dv = scratch.d_qkv.data() + width + kv_width;
  gradients.ld_v = ld;
  model.context.device.enter({model.context.step, "attention output gradient"});
  std::int64_t* finite = model.context.watch_finite("quantise", "attention output gradient");
  std::int64_t* trap = model.context.watch_product("attention", 1, {GemmOutput::Kind::add_blocks});
  scratch.attention.backward(shape.attention, saved.heads(), saved.o.data(), scratch.dx.data(),
                             gradients, finite, trap);
}

void attention_part_backward(const DeviceModel& model, const StepShape& shape,
                             const DeviceLayerWeights& layer, std::span<const RowRange> groups,
                             const DeviceLayerActivations& saved, float* dh,
                             DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  branch_gradient(model, shape, *tensors.attention_norm, saved.projected, saved.projected_r, dh,
                  scratch);
  scratch.dx.resize(rows * shape.attention.width());
  linear_input_gradient(model.context, "gradient of " + tensors.o->name, scratch.branch.data(),
                        rows, layer.o, scratch.dx.data());
  linear_weight_gradient(model.context, scratch.branch.data(), saved.o_digits, shape.hidden, groups,
                         model.sink(*tensors.o));
  heads_backward(model, shape, saved, scratch);
  projection_gradients(model, shape, layer, saved, scratch);
  linear_input_gradient(model.context, "gradient of " + tensors.q->name, scratch.d_qkv.data(), rows,
                        layer.qkv, scratch.branch.data());
  linear_weight_gradient(model.context, scratch.d_qkv.data(), saved.h, shape.qkv_width(), groups,
                         model.sink(*tensors.q));
  add_into(model, rows * shape.hidden, scratch.branch.data(), dh);
}

}  // namespace

GradientSink DeviceModel::sink(const Parameter& parameter) const {
  return gradient_sink(config, state.gradient.data(), parameter);
}

DeviceLayerWeights::DeviceLayerWeights(Device& device, const Parameters& layout, std::int64_t layer)
    : tensors(layer_tensors(layout, layer)),
      qkv(device),
      o(device),
      gate_up(device),
      down(device) {}

void prepare_layer(const DeviceModel& model, DeviceArray<std::int16_t>& digits,
                   DeviceLayerWeights& layer) {
  const LayerTensors& tensors = layer.tensors;
  const std::int64_t q = tensors.q_norm->shape[0];
  const std::int64_t kv = tensors.k_norm->shape[0];
  prepare_matrix(model, *tensors.q, q + 2 * kv, digits, layer.qkv);
  prepare_matrix(model, *tensors.o, tensors.o->shape[0], digits, layer.o);
  prepare_matrix(model, *tensors.gate, 2 * tensors.gate->shape[0], digits, layer.gate_up);
  prepare_matrix(model, *tensors.down, tensors.down->shape[0], digits, layer.down);
}

DeviceAttentionInputs DeviceLayerActivations::heads() const {
  return {{q.digits.data(), q.exponents.data()},
          {k.digits.data(), k.exponents.data()},
          {v.digits.data(), v.exponents.data()}};
}

void layer_forward(const DeviceModel& model, const StepShape& shape,
                   const DeviceLayerWeights& layer, float* h, DeviceLayerActivations& saved,
                   DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  heads_forward(model, shape, layer, h, saved, scratch);
  saved.o.resize(rows * shape.attention.width());
  model.context.device.enter({model.context.step, "attention"});
  scratch.attention.forward(
      shape.attention, saved.heads(), saved.o.data(),
      model.context.watch_product("attention", 1, {GemmOutput::Kind::add_blocks}));
  saved.projected.resize(rows * shape.hidden);
  linear(model.context, "input of " + tensors.o->name, saved.o.data(), rows, layer.o,
         saved.o_digits, saved.projected.data());
  add_normed(model, shape, *tensors.attention_norm, saved.projected, h, saved.projected_r);
  ffn_forward(model, shape, layer, h, saved, scratch);
}

void layer_backward(const DeviceModel& model, const StepShape& shape,
                    const DeviceLayerWeights& layer, std::span<const RowRange> groups,
                    const DeviceLayerActivations& saved, float* dh, DeviceLayerScratch& scratch) {
  ffn_backward(model, shape, layer, groups, saved, dh, scratch);
  attention_part_backward(model, shape, layer, groups, saved, dh, scratch);
}

}  // namespace repro::train
