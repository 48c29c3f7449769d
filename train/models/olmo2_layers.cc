#include "train/models/olmo2_layers.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "artifacts/base/error.h"
#include "train/numerics/functions64.h"

namespace repro::train {
namespace {

constexpr std::int64_t kRowGrain = 32;

const float* weight(const Parameters& parameters, const Parameter* parameter) {
  return parameters.weights.data() + parameter->offset;
}

void quantize_matrix(const Context& context, const Parameters& parameters, const Parameter* first,
                     std::int64_t outputs, Quantized& out) {
  const std::int64_t inputs = first->shape[1];
  quantize(context, first->name, weight(parameters, first), outputs, inputs, inputs, out);
}

// In place. A row's angle is that of its position in its sequence.
void rotate(const Context& context, const StepShape& shape, const RopeTable& rope,
            const HeadColumns& columns, bool backward) {
  const TraceSpan span(context.trace(), "rope");
  context.parallel->run_ranges(shape.rows(), kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    for (const PositionRange& range : shape.ranges) {
      const std::int64_t first = std::max(begin, range.row);
      const std::int64_t last = std::min(end, range.row + range.count);
      if (first >= last) continue;
      RopeArgs args;
      args.x = columns.x + first * columns.ld;
      args.rows = last - first;
      args.heads = columns.heads;
      args.head_dim = shape.attention.head_dim;
      args.ld = columns.ld;
      args.cosines = rope.cosines.data();
      args.sines = rope.sines.data();
      args.first_position = range.first + first - range.row;
      args.backward = backward;
      context.rows().rope(args);
    }
  });
}

// sum = a + b; sum may be a or b.
void add(const Context& context, std::int64_t count, const float* a, const float* b, float* sum) {
  const TraceSpan span(context.trace(), "add");
  context.parallel->run_ranges(count, 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    context.rows().add(a + begin, b + begin, end - begin, sum + begin);
  });
}

// The RMSNorm over all heads of a row, in `normed`.
HeadColumns normed_heads(const Context& context, const StepShape& shape,
                         const Parameters& parameters, const Parameter* gain, const HeadColumns& x,
                         Buffer<float>& r, Buffer<float>& normed) {
  const std::int64_t width = gain->count;
  normed.resize(shape.rows() * width);
  r.resize(shape.rows());
  norm_forward(context, shape, x.x, x.ld, weight(parameters, gain), width, nullptr, normed.data(),
               r.data());
  return {normed.data(), x.heads, width};
}

// One of a layer's two branches, where it meets the residual stream.
struct Branch {
  const Parameter* norm = nullptr;
  Buffer<float>* x = nullptr;  // [R, D] given to the norm
  Buffer<float>* r = nullptr;  // [R]
};
Branch attention_branch(const LayerWeights& layer, LayerActivations& saved) {
  return {layer.attention_norm, &saved.attention_x, &saved.attention_r};
}
Branch ffn_branch(const LayerWeights& layer, LayerActivations& saved) {
  return {layer.ffn_norm, &saved.ffn_x, &saved.ffn_r};
}

// The branch's input from the stream h: h, or with pre_norm its norm, which is in scratch.branch.
const float* branch_input(const Context& context, const StepShape& shape,
                          const Parameters& parameters, const Branch& branch, const float* h,
                          LayerScratch& scratch) {
  if (!shape.pre_norm) return h;
  scratch.branch.resize(shape.rows() * shape.hidden);
  branch.r->resize(shape.rows());
  norm_forward(context, shape, h, shape.hidden, weight(parameters, branch.norm), shape.hidden,
               nullptr, scratch.branch.data(), branch.r->data());
  return scratch.branch.data();
}

// out = in + the branch's output x w^T, or its norm.
void branch_output(const Context& context, const StepShape& shape, const Parameters& parameters,
                   const Branch& branch, const Quantized& x, const Quantized& w,
                   const LayerStream& h, LayerScratch& scratch) {
  const std::int64_t count = shape.rows() * shape.hidden;
  Buffer<float>& y = shape.pre_norm ? scratch.branch : *branch.x;
  y.resize(count);
  linear(context, x, w, y.data(), shape.hidden);
  if (shape.pre_norm) return add(context, count, h.in, y.data(), h.out);
  branch.r->resize(shape.rows());
  norm_forward(context, shape, y.data(), shape.hidden, weight(parameters, branch.norm),
               shape.hidden, h.in, h.out, branch.r->data());
}

void swiglu(const Context& context, const StepShape& shape, const float* gate_up, float* a) {
  const TraceSpan span(context.trace(), "swiglu");
  context.parallel->run_ranges(shape.rows(), kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    SwigluArgs args;
    args.gate_up = gate_up + begin * 2 * shape.ffn;
    args.rows = end - begin;
    args.ffn = shape.ffn;
    args.a = a + begin * shape.ffn;
    context.rows().swiglu(args);
  });
}

void swiglu_backward(const Context& context, const StepShape& shape, const float* gate_up,
                     const float* da, float* d_gate_up) {
  const TraceSpan span(context.trace(), "swiglu backward");
  context.parallel->run_ranges(shape.rows(), kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    SwigluBackwardArgs args;
    args.gate_up = gate_up + begin * 2 * shape.ffn;
    args.da = da + begin * shape.ffn;
    args.rows = end - begin;
    args.ffn = shape.ffn;
    args.d_gate_up = d_gate_up + begin * 2 * shape.ffn;
    context.rows().swiglu_backward(args);
  });
}

void ffn_forward(const Context& context, const StepShape& shape, const Parameters& parameters,
                 const LayerWeights& layer, const LayerStream& h, LayerActivations& saved,
                 LayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const Branch branch = ffn_branch(layer, saved);
  const float* x = branch_input(context, shape, parameters, branch, h.in, scratch);
  quantize(context, "input of " + layer.gate->name, x, rows, shape.hidden, shape.hidden,
           saved.middle);
  saved.gate_up.resize(rows * 2 * shape.ffn);
  linear(context, saved.middle, layer.gate_up_digits, saved.gate_up.data(), 2 * shape.ffn);
  scratch.a.resize(rows * shape.ffn);
  swiglu(context, shape, saved.gate_up.data(), scratch.a.data());
  quantize(context, "input of " + layer.down->name, scratch.a.data(), rows, shape.ffn, shape.ffn,
           saved.a);
  branch_output(context, shape, parameters, branch, saved.a, layer.down_digits, h, scratch);
}

// A layer's backward needs all of these everywhere.
struct BackwardContext {
  const Context& context;
  const StepShape& shape;
  const manifests::Config& config;
  Parameters& parameters;
  std::span<const RowRange> groups;

  GradientSink sink(const Parameter* parameter) const {
    return gradient_sink(config, parameters.gradient.data(), *parameter);
  }
};

// A branch's norm, whose input was x [R, D]: its gradient.
struct BranchGradient {
  const Parameter* norm = nullptr;
  const float* x = nullptr;
  const Buffer<float>& r;
};

// dx (may be dy) of dy through the norm.
void branch_norm_backward(const BackwardContext& in, const BranchGradient& branch, const float* dy,
                          float* dx) {
  norm_backward(in.context, in.shape, dy, branch.x, in.shape.hidden, *branch.norm,
                weight(in.parameters, branch.norm), in.shape.hidden, branch.r.data(), dx,
                in.sink(branch.norm));
}

// The gradient of the branch's last map, from that of the stream: dh, or what scratch.branch holds
// after the norm.
const float* branch_output_gradient(const BackwardContext& in, const BranchGradient& branch,
                                    const float* dh, LayerScratch& scratch) {
  scratch.branch.resize(in.shape.rows() * in.shape.hidden);
  if (in.shape.pre_norm) return dh;
  branch_norm_backward(in, branch, dh, scratch.branch.data());
  return scratch.branch.data();
}

// dh += the gradient of the branch's input, from that of its first map in scratch.branch.
void branch_input_gradient(const BackwardContext& in, const BranchGradient& branch, float* dh,
                           LayerScratch& scratch) {
  float* dx = scratch.branch.data();
  if (in.shape.pre_norm) branch_norm_backward(in, branch, dx, dx);
  add(in.context, in.shape.rows() * in.shape.hidden, dh, dx, dh);
}

void ffn_backward(const BackwardContext& in, const LayerWeights& layer,
                  const LayerActivations& saved, float* dh, LayerScratch& scratch) {
  const StepShape& shape = in.shape;
  const std::int64_t rows = shape.rows();
  const BranchGradient branch{layer.ffn_norm, saved.ffn_x.data(), saved.ffn_r};
  const float* dy = branch_output_gradient(in, branch, dh, scratch);
  scratch.dx.resize(rows * shape.ffn);
  linear_input_gradient(in.context, "gradient of " + layer.down->name, dy, rows, layer.down_digits,
                        scratch.dx.data(), scratch.linear);
  linear_weight_gradient(in.context, dy, saved.a, shape.hidden, in.groups, in.sink(layer.down),
                         scratch.linear);
  scratch.d_gate_up.resize(rows * 2 * shape.ffn);
  swiglu_backward(in.context, shape, saved.gate_up.data(), scratch.dx.data(),
                  scratch.d_gate_up.data());
  linear_input_gradient(in.context, "gradient of " + layer.gate->name, scratch.d_gate_up.data(),
                        rows, layer.gate_up_digits, scratch.branch.data(), scratch.linear);
  linear_weight_gradient(in.context, scratch.d_gate_up.data(), saved.middle, 2 * shape.ffn,
                         in.groups, in.sink(layer.gate), scratch.linear);
  branch_input_gradient(in, branch, dh, scratch);
}

// Where the gradients of q and k after RoPE go: into the (q | k | v) gradient, where no norm stands
// before it.
AttentionGradients head_gradients(const StepShape& shape, const LayerWeights& layer,
                                  LayerScratch& scratch) {
  const std::int64_t rows = shape.rows();
  const std::int64_t width = shape.attention.width();
  const std::int64_t kv_width = shape.attention.kv_width();
  const std::int64_t ld = shape.qkv_width();
  scratch.d_qkv.resize(rows * ld);
  float* qkv = scratch.d_qkv.data();
  float* dv = qkv + width + kv_width;
  if (layer.q_norm == nullptr) return {qkv, ld, qkv + width, ld, dv, ld};
  scratch.q.resize(rows * width);
  scratch.k.resize(rows * kv_width);
  return {scratch.q.data(), width, scratch.k.data(), kv_width, dv, ld};
}

// Through RoPE and the q/k norm, into one (q | k | v) gradient.
void projection_gradients(const BackwardContext& in, const RopeTable& rope,
                          const LayerWeights& layer, const LayerActivations& saved,
                          const AttentionGradients& heads, LayerScratch& scratch) {
  const AttentionShape& attention = in.shape.attention;
  const std::int64_t width = attention.width();
  const std::int64_t kv_width = attention.kv_width();
  const std::int64_t ld = in.shape.qkv_width();
  rotate(in.context, in.shape, rope, {heads.dq, attention.heads, heads.ld_q}, true);
  rotate(in.context, in.shape, rope, {heads.dk, attention.kv_heads, heads.ld_k}, true);
  if (layer.q_norm == nullptr) return;
  norm_backward(in.context, in.shape, scratch.q.data(), saved.qkv.data(), ld, *layer.q_norm,
                weight(in.parameters, layer.q_norm), width, saved.q_r.data(), scratch.d_qkv.data(),
                in.sink(layer.q_norm), ld);
  norm_backward(in.context, in.shape, scratch.k.data(), saved.qkv.data() + width, ld, *layer.k_norm,
                weight(in.parameters, layer.k_norm), kv_width, saved.k_r.data(),
                scratch.d_qkv.data() + width, in.sink(layer.k_norm), ld);
}

void attention_part_backward(const BackwardContext& in, const RopeTable& rope,
                             const LayerWeights& layer, const float* input,
                             const LayerActivations& saved, float* dh, LayerScratch& scratch) {
  const StepShape& shape = in.shape;
  const std::int64_t rows = shape.rows();
  const float* x = shape.pre_norm ? input : saved.attention_x.data();
  const BranchGradient branch{layer.attention_norm, x, saved.attention_r};
  const float* dy = branch_output_gradient(in, branch, dh, scratch);
  scratch.dx.resize(rows * shape.attention.width());
  linear_input_gradient(in.context, "gradient of " + layer.o->name, dy, rows, layer.o_digits,
                        scratch.dx.data(), scratch.linear);
  linear_weight_gradient(in.context, dy, saved.o_digits, shape.hidden, in.groups, in.sink(layer.o),
                         scratch.linear);
  const AttentionGradients gradients = head_gradients(shape, layer, scratch);
  attention_backward(in.context, shape.attention, saved.heads, saved.o.data(), scratch.dx.data(),
                     gradients, scratch.attention);
  projection_gradients(in, rope, layer, saved, gradients, scratch);
  linear_input_gradient(in.context, "gradient of " + layer.q->name, scratch.d_qkv.data(), rows,
                        layer.qkv_digits, scratch.branch.data(), scratch.linear);
  linear_weight_gradient(in.context, scratch.d_qkv.data(), saved.h, shape.qkv_width(), in.groups,
                         in.sink(layer.q), scratch.linear);
  branch_input_gradient(in, branch, dh, scratch);
}

}  // namespace

StepShape step_shape(const manifests::ModelConfig& model, std::int64_t sequences,
                     std::int64_t length, std::span<const std::int32_t> begins) {
  StepShape shape;
  shape.attention.sequences = sequences;
  shape.attention.length = length;
  shape.attention.heads = model.num_heads;
  shape.attention.kv_heads = model.num_kv_heads;
  shape.attention.head_dim = model.head_dim();
  shape.attention.begins = begins;
  shape.ranges = whole_sequences(shape.attention);
  shape.hidden = model.hidden_size;
  shape.ffn = model.intermediate_size;
  shape.epsilon = static_cast<float>(model.rms_norm_eps);
  shape.pre_norm = model.norm == "pre";
  return shape;
}

RopeTable::RopeTable(const manifests::ModelConfig& model, std::int64_t positions) {
  const std::int64_t half = model.head_dim() / 2;
  cosines.resize(positions * half);
  sines.resize(positions * half);
  for (std::int64_t i = 0; i < half; ++i) {
    const double frequency = rope_frequency(model.rope_theta, i, model.head_dim());
    for (std::int64_t p = 0; p < positions; ++p) {
      const double angle = static_cast<double>(p) * frequency;
      cosines[p * half + i] = static_cast<float>(cos64(angle));
      sines[p * half + i] = static_cast<float>(sin64(angle));
    }
  }
}

LayerTensors layer_tensors(const Parameters& parameters, std::int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  const auto find = [&](const char* name) { return &parameters.at(prefix + name); };
  const Parameter* pre = parameters.find(prefix + "input_layernorm.weight");
  LayerTensors tensors;
  tensors.q = find("self_attn.q_proj.weight");
  tensors.k = find("self_attn.k_proj.weight");
  tensors.o = find("self_attn.o_proj.weight");
  tensors.gate = find("mlp.gate_proj.weight");
  tensors.down = find("mlp.down_proj.weight");
  tensors.q_norm = parameters.find(prefix + "self_attn.q_norm.weight");
  tensors.k_norm = parameters.find(prefix + "self_attn.k_norm.weight");
  const Parameter* after = find("post_attention_layernorm.weight");
  tensors.attention_norm = pre != nullptr ? pre : after;
  tensors.ffn_norm = pre != nullptr ? after : find("post_feedforward_layernorm.weight");
  return tensors;
}

void quantize_layer(const Context& context, const Parameters& parameters, LayerWeights& layer) {
  const std::int64_t q = layer.q->shape[0];
  const std::int64_t kv = layer.k->shape[0];
  quantize_matrix(context, parameters, layer.q, q + 2 * kv, layer.qkv_digits);
  quantize_matrix(context, parameters, layer.o, layer.o->shape[0], layer.o_digits);
  quantize_matrix(context, parameters, layer.gate, 2 * layer.gate->shape[0], layer.gate_up_digits);
  quantize_matrix(context, parameters, layer.down, layer.down->shape[0], layer.down_digits);
}

GradientSink gradient_sink(const manifests::Config& config, std::int64_t* gradient,
                           const Parameter& parameter) {
  GradientSink sink;
  sink.tensor = parameter.name;
  sink.units = gradient + parameter.offset;
  sink.unit = static_cast<int>(config.train.gradient_unit);
  // No token contributes more often than once, and no group holds less than one token, so one bound
  // serves both kinds of addend: 2^61 / (tokens in a step).
  sink.limit = (std::int64_t{1} << 61) / (config.train.batch_size * config.data.sequence_length);
  return sink;
}

void norm_forward(const Context& context, const StepShape& shape, const float* x, std::int64_t ld_x,
                  const float* gain, std::int64_t width, const float* residual, float* y,
                  float* r) {
  const TraceSpan span(context.trace(), "norm");
  context.parallel->run_ranges(shape.rows(), kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    RmsNormArgs args;
    args.x = x + begin * ld_x;
    args.gain = gain;
    args.rows = end - begin;
    args.cols = width;
    args.ld_x = ld_x;
    args.ld_y = width;
    args.epsilon = shape.epsilon;
    args.residual = residual == nullptr ? nullptr : residual + begin * width;
    args.y = y + begin * width;
    args.r = r + begin;
    context.rows().rms_norm(args);
  });
}

void norm_backward(const Context& context, const StepShape& shape, const float* dy, const float* x,
                   std::int64_t ld_x, const Parameter& parameter, const float* gain,
                   std::int64_t width, const float* r, float* dx, const GradientSink& sink,
                   std::int64_t ld_dx) {
  const TraceSpan span(context.trace(), "norm backward");
  std::mutex mutex;  // integer sums: the order of the additions is free
  context.parallel->run_ranges(shape.rows(), kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<std::int64_t> gain_units;
    gain_units.assign(static_cast<std::size_t>(width), 0);
    RmsNormBackwardArgs args;
    args.dy = dy + begin * width;
    args.x = x + begin * ld_x;
    args.gain = gain;
    args.r = r + begin;
    args.rows = end - begin;
    args.cols = width;
    args.ld_x = ld_x;
    args.ld_y = width;
    args.ld_dx = ld_dx == 0 ? width : ld_dx;
    args.dx = dx + begin * args.ld_dx;
    args.gain_units = gain_units.data();
    args.unit = sink.unit;
    args.limit = sink.limit;
    const std::int64_t overflow = context.rows().rms_norm_backward(args);
    if (overflow >= 0) fail_gradient_overflow(parameter.name, overflow, context.step);
    const std::lock_guard<std::mutex> lock(mutex);
    for (std::int64_t i = 0; i < width; ++i) {
      sink.units[i] += gain_units[static_cast<std::size_t>(i)];
    }
  });
}

void layer_heads(const Context& context, const StepShape& shape, const RopeTable& rope,
                 const Parameters& parameters, const LayerWeights& layer, const float* h,
                 LayerActivations& saved, LayerScratch& scratch) {
  const AttentionShape& attention_shape = shape.attention;
  const std::int64_t rows = shape.rows();
  const std::int64_t width = attention_shape.width();
  const std::int64_t kv_width = attention_shape.kv_width();
  const std::int64_t ld = shape.qkv_width();
  const float* x =
      branch_input(context, shape, parameters, attention_branch(layer, saved), h, scratch);
  quantize(context, "input of " + layer.q->name, x, rows, shape.hidden, shape.hidden, saved.h);
  saved.qkv.resize(rows * ld);
  linear(context, saved.h, layer.qkv_digits, saved.qkv.data(), ld);
  HeadColumns q{saved.qkv.data(), attention_shape.heads, ld};
  HeadColumns k{saved.qkv.data() + width, attention_shape.kv_heads, ld};
  if (layer.q_norm != nullptr) {
    q = normed_heads(context, shape, parameters, layer.q_norm, q, saved.q_r, scratch.q);
    k = normed_heads(context, shape, parameters, layer.k_norm, k, saved.k_r, scratch.k);
  }
  rotate(context, shape, rope, q, false);
  rotate(context, shape, rope, k, false);
  const std::int64_t head_dim = attention_shape.head_dim;
  quantize_heads(context, layer.queries(), q.x, rows, q.heads, head_dim, q.ld, saved.heads.q);
  quantize_heads(context, layer.keys(), k.x, rows, k.heads, head_dim, k.ld, saved.heads.k);
  quantize_heads(context, layer.values(), saved.qkv.data() + width + kv_width, rows,
                 attention_shape.kv_heads, head_dim, ld, saved.heads.v);
}

void layer_rest(const Context& context, const StepShape& shape, const Parameters& parameters,
                const LayerWeights& layer, const LayerStream& h, LayerActivations& saved,
                LayerScratch& scratch) {
  const std::int64_t width = shape.attention.width();
  quantize(context, "input of " + layer.o->name, saved.o.data(), shape.rows(), width, width,
           saved.o_digits);
  if (shape.pre_norm) saved.ffn_x.resize(shape.rows() * shape.hidden);
  float* middle = shape.pre_norm ? saved.ffn_x.data() : h.out;
  branch_output(context, shape, parameters, attention_branch(layer, saved), saved.o_digits,
                layer.o_digits, {h.in, middle}, scratch);
  ffn_forward(context, shape, parameters, layer, {middle, h.out}, saved, scratch);
}

void layer_forward(const Context& context, const StepShape& shape, const RopeTable& rope,
                   const Parameters& parameters, const LayerWeights& layer, const LayerStream& h,
                   LayerActivations& saved, LayerScratch& scratch) {
  layer_heads(context, shape, rope, parameters, layer, h.in, saved, scratch);
  saved.o.resize(shape.rows() * shape.attention.width());
  attention(context, shape.attention, saved.heads, saved.o.data());
  layer_rest(context, shape, parameters, layer, h, saved, scratch);
}

void layer_backward(const Context& context, const StepShape& shape, const RopeTable& rope,
                    const manifests::Config& config, Parameters& parameters,
                    const LayerWeights& layer, std::span<const RowRange> groups, const float* in,
                    const LayerActivations& saved, float* dh, LayerScratch& scratch) {
  const BackwardContext backward{context, shape, config, parameters, groups};
  ffn_backward(backward, layer, saved, dh, scratch);
  attention_part_backward(backward, rope, layer, in, saved, dh, scratch);
}

}  // namespace repro::train
