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

RotateShape rotate_shape(const StepShape& shape, const HeadColumns& columns) {
  return {shape.attention.sequences, shape.attention.length, columns.heads,
          shape.attention.head_dim, columns.ld};
}

// One of a layer's two branches, where it meets the residual stream: as in olmo2_layers.cc.
struct Branch {
  const Parameter& norm;
  DeviceArray<float>& x;  // [R, D] given to the norm
  DeviceArray<float>& r;  // [R]
};
Branch attention_branch(const DeviceLayerWeights& layer, DeviceLayerActivations& saved) {
  return {*layer.tensors.attention_norm, saved.attention_x, saved.attention_r};
}
Branch ffn_branch(const DeviceLayerWeights& layer, DeviceLayerActivations& saved) {
  return {*layer.tensors.ffn_norm, saved.ffn_x, saved.ffn_r};
}

// The branch's input from the stream h: h, or with pre_norm its norm, which is in scratch.branch.
const float* branch_input(const DeviceModel& model, const StepShape& shape, const Branch& branch,
                          const float* h, DeviceLayerScratch& scratch) {
  if (!shape.pre_norm) return h;
  scratch.branch.resize(shape.rows() * shape.hidden);
  branch.r.resize(shape.rows());
  norm_forward(model.context, branch.norm.name, norm_shape(shape, shape.hidden),
               {h, shape.hidden, model.weight(branch.norm), nullptr, scratch.branch.data(),
                branch.r.data()});
  return scratch.branch.data();
}

// Where the branch's last map puts its output [R, D].
DeviceArray<float>& output_of(const StepShape& shape, const Branch& branch,
                              DeviceLayerScratch& scratch) {
  DeviceArray<float>& y = shape.pre_norm ? scratch.branch : branch.x;
  y.resize(shape.rows() * shape.hidden);
  return y;
}

// h.out = h.in + that output, or its norm.
void branch_output(const DeviceModel& model, const StepShape& shape, const Branch& branch,
                   const LayerStream& h, DeviceLayerScratch& scratch) {
  const DeviceArray<float>& y = output_of(shape, branch, scratch);
  if (shape.pre_norm) {
    model.context.device.run(AddBatch{h.in, y.data(), shape.rows() * shape.hidden, h.out});
    return;
  }
  branch.r.resize(shape.rows());
  norm_forward(model.context, branch.norm.name, norm_shape(shape, shape.hidden),
               {y.data(), shape.hidden, model.weight(branch.norm), h.in, h.out, branch.r.data()});
}

// A branch's norm, whose input was x [R, D]: its gradient.
struct BranchGradient {
  const Parameter& norm;
  const float* x;
  const DeviceArray<float>& r;
};

// dx (may be dy) of dy through the norm.
void branch_norm_backward(const DeviceModel& model, const StepShape& shape,
                          const BranchGradient& branch, const float* dy, float* dx) {
  norm_backward(
      model.context, norm_shape(shape, shape.hidden),
      {dy, branch.x, shape.hidden, model.weight(branch.norm), branch.r.data(), dx, shape.hidden},
      model.sink(branch.norm));
}

// The gradient of the branch's last map, from that of the stream: dh, or what scratch.branch holds
// after the norm.
const float* branch_output_gradient(const DeviceModel& model, const StepShape& shape,
                                    const BranchGradient& branch, const float* dh,
                                    DeviceLayerScratch& scratch) {
  scratch.branch.resize(shape.rows() * shape.hidden);
  if (shape.pre_norm) return dh;
  branch_norm_backward(model, shape, branch, dh, scratch.branch.data());
  return scratch.branch.data();
}

// dh += the gradient of the branch's input, from that of its first map in scratch.branch.
void branch_input_gradient(const DeviceModel& model, const StepShape& shape,
                           const BranchGradient& branch, float* dh, DeviceLayerScratch& scratch) {
  float* dx = scratch.branch.data();
  if (shape.pre_norm) branch_norm_backward(model, shape, branch, dx, dx);
  model.context.device.run(AddBatch{dh, dx, shape.rows() * shape.hidden, dh});
}

// The RMSNorm over all heads of a row, in `normed`.
HeadColumns normed_heads(const DeviceModel& model, const StepShape& shape, const Parameter& gain,
                         const HeadColumns& x, DeviceArray<float>& r, DeviceArray<float>& normed) {
  normed.resize(shape.rows() * gain.count);
  r.resize(shape.rows());
  norm_forward(model.context, gain.name, norm_shape(shape, gain.count),
               {x.x, x.ld, model.weight(gain), nullptr, normed.data(), r.data()});
  return {normed.data(), x.heads, gain.count};
}

void quantize_heads(const DeviceModel& model, const std::string& name, std::int64_t rows,
                    const HeadColumns& columns, std::int64_t head_dim, DeviceQuantized& out) {
  quantize(model.context, name, columns.x, rows, columns.heads * head_dim, columns.ld, out,
           {columns.heads, nullptr});
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
  const float* x = branch_input(model, shape, attention_branch(layer, saved), h, scratch);
  linear(model.context, "input of " + tensors.q->name, x, rows, layer.qkv, saved.h,
         saved.qkv.data());
  HeadColumns q{saved.qkv.data(), attention.heads, ld};
  HeadColumns k{saved.qkv.data() + width, attention.kv_heads, ld};
  const HeadColumns v{saved.qkv.data() + width + kv_width, attention.kv_heads, ld};
  if (tensors.q_norm != nullptr) {
    q = normed_heads(model, shape, *tensors.q_norm, q, saved.q_r, scratch.q);
    k = normed_heads(model, shape, *tensors.k_norm, k, saved.k_r, scratch.k);
  }
  rotate(model.context, rotate_shape(shape, q), model.rope, q.x, false);
  rotate(model.context, rotate_shape(shape, k), model.rope, k.x, false);
  quantize_heads(model, tensors.queries(), rows, q, attention.head_dim, saved.q);
  quantize_heads(model, tensors.keys(), rows, k, attention.head_dim, saved.k);
  quantize_heads(model, tensors.values(), rows, v, attention.head_dim, saved.v);
}

void ffn_forward(const DeviceModel& model, const StepShape& shape, const DeviceLayerWeights& layer,
                 const LayerStream& h, DeviceLayerActivations& saved, DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  const Branch branch = ffn_branch(layer, saved);
  saved.gate_up.resize(rows * 2 * shape.ffn);
  const float* x = branch_input(model, shape, branch, h.in, scratch);
  linear(model.context, "input of " + tensors.gate->name, x, rows, layer.gate_up, saved.middle,
         saved.gate_up.data());
  scratch.a.resize(rows * shape.ffn);
  model.context.device.run(SwigluArgs{saved.gate_up.data(), rows, shape.ffn, scratch.a.data()});
  linear(model.context, "input of " + tensors.down->name, scratch.a.data(), rows, layer.down,
         saved.a, output_of(shape, branch, scratch).data());
  branch_output(model, shape, branch, h, scratch);
}

void ffn_backward(const DeviceModel& model, const StepShape& shape, const DeviceLayerWeights& layer,
                  std::span<const RowRange> groups, const DeviceLayerActivations& saved, float* dh,
                  DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  const BranchGradient branch{*tensors.ffn_norm, saved.ffn_x.data(), saved.ffn_r};
  const float* dy = branch_output_gradient(model, shape, branch, dh, scratch);
  scratch.dx.resize(rows * shape.ffn);
  linear_input_gradient(model.context, "gradient of " + tensors.down->name, dy, rows, layer.down,
                        scratch.dx.data());
  linear_weight_gradient(model.context, dy, saved.a, shape.hidden, groups,
                         model.sink(*tensors.down));
  scratch.d_gate_up.resize(rows * 2 * shape.ffn);
  model.context.device.run(SwigluBackwardArgs{saved.gate_up.data(), scratch.dx.data(), rows,
                                              shape.ffn, scratch.d_gate_up.data()});
  linear_input_gradient(model.context, "gradient of " + tensors.gate->name,
                        scratch.d_gate_up.data(), rows, layer.gate_up, scratch.branch.data());
  linear_weight_gradient(model.context, scratch.d_gate_up.data(), saved.middle, 2 * shape.ffn,
                         groups, model.sink(*tensors.gate));
  branch_input_gradient(model, shape, branch, dh, scratch);
}

// Where the gradients of q, k and v go: as in olmo2_layers.cc.
AttentionGradients head_gradients(const StepShape& shape, const LayerTensors& tensors,
                                  DeviceLayerScratch& scratch) {
  const std::int64_t width = shape.attention.width();
  const std::int64_t kv_width = shape.attention.kv_width();
  const std::int64_t ld = shape.qkv_width();
  scratch.d_qkv.resize(shape.rows() * ld);
  float* qkv = scratch.d_qkv.data();
  float* dv = qkv + width + kv_width;
  if (tensors.q_norm == nullptr) return {qkv, ld, qkv + width, ld, dv, ld};
  scratch.q.resize(shape.rows() * width);
  scratch.k.resize(shape.rows() * kv_width);
  return {scratch.q.data(), width, scratch.k.data(), kv_width, dv, ld};
}

// Through RoPE and the q/k norm, into one (q | k | v) gradient.
void projection_gradients(const DeviceModel& model, const StepShape& shape,
                          const DeviceLayerWeights& layer, const DeviceLayerActivations& saved,
                          const AttentionGradients& heads, DeviceLayerScratch& scratch) {
  const AttentionShape& attention = shape.attention;
  const std::int64_t width = attention.width();
  const std::int64_t kv_width = attention.kv_width();
  const std::int64_t ld = shape.qkv_width();
  const HeadColumns q{heads.dq, attention.heads, heads.ld_q};
  const HeadColumns k{heads.dk, attention.kv_heads, heads.ld_k};
  rotate(model.context, rotate_shape(shape, q), model.rope, q.x, true);
  rotate(model.context, rotate_shape(shape, k), model.rope, k.x, true);
  if (layer.tensors.q_norm == nullptr) return;
  const Parameter& q_norm = *layer.tensors.q_norm;
  const Parameter& k_norm = *layer.tensors.k_norm;
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
                    const DeviceLayerActivations& saved, const AttentionGradients& gradients,
                    DeviceLayerScratch& scratch) {
  model.context.device.enter({model.context.step, "attention output gradient"});
  std::int64_t* finite = model.context.watch_finite("quantise", "attention output gradient");
  std::int64_t* trap = model.context.watch_product("attention", 1, {GemmOutput::Kind::add_blocks});
  scratch.attention.backward(shape.attention, saved.heads(), saved.o.data(), scratch.dx.data(),
                             gradients, finite, trap);
}

void attention_part_backward(const DeviceModel& model, const StepShape& shape,
                             const DeviceLayerWeights& layer, std::span<const RowRange> groups,
                             const float* input, const DeviceLayerActivations& saved, float* dh,
                             DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  const float* x = shape.pre_norm ? input : saved.attention_x.data();
  const BranchGradient branch{*tensors.attention_norm, x, saved.attention_r};
  const float* dy = branch_output_gradient(model, shape, branch, dh, scratch);
  scratch.dx.resize(rows * shape.attention.width());
  linear_input_gradient(model.context, "gradient of " + tensors.o->name, dy, rows, layer.o,
                        scratch.dx.data());
  linear_weight_gradient(model.context, dy, saved.o_digits, shape.hidden, groups,
                         model.sink(*tensors.o));
  const AttentionGradients gradients = head_gradients(shape, tensors, scratch);
  heads_backward(model, shape, saved, gradients, scratch);
  projection_gradients(model, shape, layer, saved, gradients, scratch);
  linear_input_gradient(model.context, "gradient of " + tensors.q->name, scratch.d_qkv.data(), rows,
                        layer.qkv, scratch.branch.data());
  linear_weight_gradient(model.context, scratch.d_qkv.data(), saved.h, shape.qkv_width(), groups,
                         model.sink(*tensors.q));
  branch_input_gradient(model, shape, branch, dh, scratch);
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
  const std::int64_t q = tensors.q->shape[0];
  const std::int64_t kv = tensors.k->shape[0];
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
                   const DeviceLayerWeights& layer, const LayerStream& h,
                   DeviceLayerActivations& saved, DeviceLayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const LayerTensors& tensors = layer.tensors;
  heads_forward(model, shape, layer, h.in, saved, scratch);
  saved.o.resize(rows * shape.attention.width());
  model.context.device.enter({model.context.step, "attention"});
  scratch.attention.forward(
      shape.attention, saved.heads(), saved.o.data(),
      model.context.watch_product("attention", 1, {GemmOutput::Kind::add_blocks}));
  const Branch branch = attention_branch(layer, saved);
  linear(model.context, "input of " + tensors.o->name, saved.o.data(), rows, layer.o,
         saved.o_digits, output_of(shape, branch, scratch).data());
  if (shape.pre_norm) saved.ffn_x.resize(rows * shape.hidden);
  float* middle = shape.pre_norm ? saved.ffn_x.data() : h.out;
  branch_output(model, shape, branch, {h.in, middle}, scratch);
  ffn_forward(model, shape, layer, {middle, h.out}, saved, scratch);
}

void layer_backward(const DeviceModel& model, const StepShape& shape,
                    const DeviceLayerWeights& layer, std::span<const RowRange> groups,
                    const float* in, const DeviceLayerActivations& saved, float* dh,
                    DeviceLayerScratch& scratch) {
  ffn_backward(model, shape, layer, groups, saved, dh, scratch);
  attention_part_backward(model, shape, layer, groups, in, saved, dh, scratch);
}

}  // namespace repro::train
