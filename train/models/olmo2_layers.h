// One OLMo 2 layer, forward and backward, in exact/1: for training (olmo2_exact.cc) and for
// inference (olmo2_decoder.cc).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "train/nn/attention.h"
#include "train/nn/linear.h"
#include "train/nn/parameters.h"

namespace repro::train {

struct StepShape {
  AttentionShape attention;
  std::vector<PositionRange> ranges;  // which positions the rows are
  std::int64_t hidden = 0;
  std::int64_t ffn = 0;
  float epsilon = 0;
  bool pre_norm = false;  // model.norm

  std::int64_t rows() const { return attention.rows(); }
  std::int64_t qkv_width() const { return attention.width() + 2 * attention.kv_width(); }
};
// `sequences` sequences of `length` tokens each; ranges are theirs. `begins`: as AttentionShape.
StepShape step_shape(const manifests::ModelConfig& model, std::int64_t sequences,
                     std::int64_t length, std::span<const std::int32_t> begins = {});

// cos and sin of position * theta^(-2i/H), binary64 programs rounded once (docs/arithmetic.md,
// "RoPE").
struct RopeTable {
  RopeTable(const manifests::ModelConfig& model, std::int64_t positions);
  Buffer<float> cosines;  // [positions, H / 2]
  Buffer<float> sines;
};

// Where a layer's tensors lie.
struct LayerTensors {
  const Parameter* q = nullptr;  // first of (q | k | v)
  const Parameter* k = nullptr;
  const Parameter* o = nullptr;
  const Parameter* gate = nullptr;  // first of (gate | up)
  const Parameter* down = nullptr;
  const Parameter* q_norm = nullptr;  // these two are null without model.qk_norm
  const Parameter* k_norm = nullptr;
  const Parameter* attention_norm = nullptr;  // of the branch's output; with pre_norm, its input
  const Parameter* ffn_norm = nullptr;

  std::string queries() const { return q_norm ? q_norm->name : "queries of " + q->name; }
  std::string keys() const { return k_norm ? k_norm->name : "keys of " + k->name; }
  std::string values() const { return "values of " + q->name; }
};
LayerTensors layer_tensors(const Parameters& parameters, std::int64_t layer);

// And their digits of this step.
struct LayerWeights : LayerTensors {
  explicit LayerWeights(const LayerTensors& tensors) : LayerTensors(tensors) {}

  Quantized qkv_digits;
  Quantized o_digits;
  Quantized gate_up_digits;
  Quantized down_digits;
};
void quantize_layer(const Context& context, const Parameters& parameters, LayerWeights& layer);

// Kept from forward to backward. With pre_norm a norm is given the residual stream, so that
// attention_norm's input is the layer's own, which the caller keeps.
struct LayerActivations {
  Quantized h;             // input of (q | k | v)
  Buffer<float> qkv;       // [R, A + 2K] before QK-norm
  Buffer<float> q_r, k_r;  // [R]
  AttentionInputs heads;
  Buffer<float> o;  // [R, A] attention output
  Quantized o_digits;
  Buffer<float> attention_x;  // [R, D] given to attention_norm; empty with pre_norm
  Buffer<float> attention_r;  // [R]
  Quantized middle;           // input of (gate | up)
  Buffer<float> gate_up;      // [R, 2F]
  Quantized a;                // swiglu output
  Buffer<float> ffn_x;        // [R, D] given to ffn_norm
  Buffer<float> ffn_r;
};

// Heads in rows [R, heads * H], `ld` elements from row to row.
struct HeadColumns {
  float* x = nullptr;
  std::int64_t heads = 0;
  std::int64_t ld = 0;
};

struct LayerScratch {
  Buffer<float> q, k;       // [R, A], [R, K] after norm and RoPE; gradients in backward
  Buffer<float> a;          // [R, F]
  Buffer<float> branch;     // [R, D] a branch's output or normed input; gradient into a branch
  Buffer<float> dx;         // [R, D] or [R, A] or [R, F]
  Buffer<float> d_gate_up;  // [R, 2F]
  Buffer<float> d_qkv;      // [R, A + 2K]
  LinearScratch linear;
  AttentionScratch attention;
};

// `gradient`: the whole buffer, as Parameters has it.
GradientSink gradient_sink(const manifests::Config& config, std::int64_t* gradient,
                           const Parameter& parameter);

// y = residual + rms(x) * gain, threaded; x and y with leading dimensions. residual may be null or
// y.
void norm_forward(const Context& context, const StepShape& shape, const float* x, std::int64_t ld_x,
                  const float* gain, std::int64_t width, const float* residual, float* y, float* r);
// dx [rows, width] (may be dy); gain gradient added to the sink.
void norm_backward(const Context& context, const StepShape& shape, const float* dy, const float* x,
                   std::int64_t ld_x, const Parameter& parameter, const float* gain,
                   std::int64_t width, const float* r, float* dx, const GradientSink& sink,
                   std::int64_t ld_dx = 0);

// The residual stream [R, D] through a layer; `out` may be `in`.
struct LayerStream {
  const float* in = nullptr;
  float* out = nullptr;
};

// A layer before its attention: from the stream to saved.heads.
void layer_heads(const Context& context, const StepShape& shape, const RopeTable& rope,
                 const Parameters& parameters, const LayerWeights& layer, const float* h,
                 LayerActivations& saved, LayerScratch& scratch);
// And after it: from saved.o on.
void layer_rest(const Context& context, const StepShape& shape, const Parameters& parameters,
                const LayerWeights& layer, const LayerStream& h, LayerActivations& saved,
                LayerScratch& scratch);
// Both, with the attention of whole sequences in between.
void layer_forward(const Context& context, const StepShape& shape, const RopeTable& rope,
                   const Parameters& parameters, const LayerWeights& layer, const LayerStream& h,
                   LayerActivations& saved, LayerScratch& scratch);
// `in` [R, D]: the layer's input, which is read with pre_norm only. dh [R, D]: gradient of the
// layer's output in, of its input out.
void layer_backward(const Context& context, const StepShape& shape, const RopeTable& rope,
                    const manifests::Config& config, Parameters& parameters,
                    const LayerWeights& layer, std::span<const RowRange> groups, const float* in,
                    const LayerActivations& saved, float* dh, LayerScratch& scratch);

}  // namespace repro::train
