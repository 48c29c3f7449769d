// Golden vectors of docs/arithmetic.md, "Attention" and "The gradient of the logits": the products
// in blocks.
#include <algorithm>

#include "tests/conformance/vector_file.h"
#include "tests/conformance/vector_inputs.h"
#include "train/nn/attention.h"
#include "train/nn/language_head.h"

namespace repro::train {
namespace {

// --- attention -----------------------------------------------------------------------------------

AttentionShape attention_shape(const Json& in) {
  AttentionShape shape;
  shape.sequences = get_one<std::int64_t>(in, "sequences");
  shape.length = shape_of(in, "q")[0] / shape.sequences;
  shape.heads = get_one<std::int64_t>(in, "heads");
  shape.kv_heads = get_one<std::int64_t>(in, "kv_heads");
  shape.head_dim = shape_of(in, "q")[1] / shape.heads;
  return shape;
}

AttentionInputs attention_inputs(const Context& context, const AttentionShape& shape,
                                 const Json& in) {
  AttentionInputs inputs;
  const auto quantise = [&](const char* name, std::int64_t heads, HeadDigits& out) {
    const auto x = get_floats(in, name);
    quantize_heads(context, name, x.data(), shape.rows(), heads, shape.head_dim,
                   heads * shape.head_dim, out);
  };
  quantise("q", shape.heads, inputs.q);
  quantise("k", shape.kv_heads, inputs.k);
  quantise("v", shape.kv_heads, inputs.v);
  return inputs;
}

Json attention_forward(const Context& context, const Json& in) {
  const AttentionShape shape = attention_shape(in);
  std::vector<float> o(static_cast<std::size_t>(shape.rows() * shape.width()));
  attention(context, shape, attention_inputs(context, shape, in), o.data());
  return {{"o", floats(o, {shape.rows(), shape.width()})}};
}

Json attention_gradients(const Context& context, const Json& in) {
  const AttentionShape shape = attention_shape(in);
  const auto o = get_floats(in, "o");
  const auto d_o = get_floats(in, "d_o");
  std::vector<float> dq(o.size());
  std::vector<float> dk(static_cast<std::size_t>(shape.rows() * shape.kv_width()));
  std::vector<float> dv(dk.size());
  const AttentionGradients gradients{dq.data(),        shape.width(), dk.data(),
                                     shape.kv_width(), dv.data(),     shape.kv_width()};
  AttentionScratch scratch;
  attention_backward(context, shape, attention_inputs(context, shape, in), o.data(), d_o.data(),
                     gradients, scratch);
  return {{"dq", floats(dq, {shape.rows(), shape.width()})},
          {"dk", floats(dk, {shape.rows(), shape.kv_width()})},
          {"dv", floats(dv, {shape.rows(), shape.kv_width()})}};
}

struct AttentionTensors {
  std::vector<float> q, k, v, d_o;
};

void add_attention_case(std::vector<Case>& cases, const std::string& name,
                        const AttentionShape& shape, const AttentionTensors& tensors) {
  Json in = {{"q", floats(tensors.q, {shape.rows(), shape.width()})},
             {"k", floats(tensors.k, {shape.rows(), shape.kv_width()})},
             {"v", floats(tensors.v, {shape.rows(), shape.kv_width()})},
             {"sequences", scalar(shape.sequences)},
             {"heads", scalar(shape.heads)},
             {"kv_heads", scalar(shape.kv_heads)}};
  cases.push_back({"attention", name, in});
  Parallel parallel(1);
  in["o"] = attention_forward({choose_path("scalar"), &parallel}, in).at("o");
  in["d_o"] = floats(tensors.d_o, {shape.rows(), shape.width()});
  cases.push_back({"attention_backward", name, in});
}

AttentionTensors attention_tensors(Inputs& inputs, const AttentionShape& shape, Kind kind) {
  AttentionTensors tensors;
  tensors.q = inputs.matrix(kind, shape.rows(), shape.width());
  tensors.k = inputs.matrix(kind, shape.rows(), shape.kv_width());
  tensors.v = inputs.matrix(kind, shape.rows(), shape.kv_width());
  tensors.d_o = inputs.matrix(kind, shape.rows(), shape.width(), 0x1p-8F);
  return tensors;
}

// Zeros from position `first` on, for `count` positions of one head.
void clear(std::vector<float>& x, const AttentionShape& shape, std::int64_t width,
           std::int64_t first, std::int64_t count, std::int64_t head) {
  for (std::int64_t t = first; t < first + count; ++t) {
    std::fill_n(x.begin() + t * width + head * shape.head_dim, shape.head_dim, 0.0F);
  }
}

std::vector<Case> attention_cases() {
  std::vector<Case> cases;
  Inputs inputs("attention");
  const AttentionShape two_blocks{1, 147, 4, 2, 4};
  AttentionTensors tensors = attention_tensors(inputs, two_blocks, Kind::normal);
  clear(tensors.d_o, two_blocks, two_blocks.width(), 30, 1, 0);
  clear(tensors.d_o, two_blocks, two_blocks.width(), 130, 17, 3);
  clear(tensors.q, two_blocks, two_blocks.width(), 5, 1, 1);
  clear(tensors.k, two_blocks, two_blocks.kv_width(), 6, 2, 0);
  clear(tensors.v, two_blocks, two_blocks.kv_width(), 0, 3, 1);  // no U for the first queries
  add_attention_case(cases, "two blocks, grouped heads, empty rows", two_blocks, tensors);
  const AttentionShape three_blocks{1, 260, 2, 1, 2};
  add_attention_case(cases, "three blocks, spread", three_blocks,
                     attention_tensors(inputs, three_blocks, Kind::spread));
  const AttentionShape small{2, 9, 3, 1, 6};
  for (const Kind kind : kAllKinds) {
    if (kind == Kind::huge) continue;
    add_attention_case(cases, "two sequences, " + std::string(name_of(kind)), small,
                       attention_tensors(inputs, small, kind));
  }
  const AttentionShape wide{1, 5, 1, 1, 129};  // G rounds up
  add_attention_case(cases, "head width 129", wide, attention_tensors(inputs, wide, Kind::normal));
  tensors = attention_tensors(inputs, small, Kind::normal);
  for (float& value : tensors.q) value *= 40;  // peaked softmax
  add_attention_case(cases, "peaked", small, tensors);
  std::fill(tensors.d_o.begin(), tensors.d_o.end(), -0.0F);
  add_attention_case(cases, "no gradient at all", small, tensors);
  std::fill(tensors.v.begin(), tensors.v.end(), 0.0F);
  tensors.d_o = inputs.matrix(Kind::normal, small.rows(), small.width());
  add_attention_case(cases, "values all zero", small, tensors);
  return cases;
}

// --- head ----------------------------------------------------------------------------------------

struct HeadInputs {
  Quantized x;
  Quantized w;
  std::vector<std::int32_t> targets;
  float z_loss = 0;
};

HeadInputs head_inputs(const Context& context, const Json& in) {
  HeadInputs inputs;
  const auto quantise = [&](const char* name, Quantized& out) {
    const auto values = get_floats(in, name);
    const Shape shape = shape_of(in, name);
    quantize(context, name, values.data(), shape[0], shape[1], shape[1], out);
  };
  quantise("x", inputs.x);
  quantise("w", inputs.w);
  for (const std::int64_t target : get<std::int64_t>(in, "targets")) {
    inputs.targets.push_back(static_cast<std::int32_t>(target));
  }
  inputs.z_loss = static_cast<float>(get_double(in, "c"));
  return inputs;
}

Json logged_sums(const Context& context, const Json& in) {
  const HeadInputs inputs = head_inputs(context, in);
  HeadScratch scratch;
  const LossSums sums =
      head_loss(context, inputs.x, inputs.w, inputs.z_loss, inputs.targets, scratch);
  return {{"targets", scalar(sums.targets)},
          {"ce_units", scalar(sums.cross_entropy)},
          {"z_units", scalar(sums.z_loss)},
          {"correct", scalar(sums.correct)}};
}

Json head_gradients(const Context& context, const Json& in) {
  const HeadInputs inputs = head_inputs(context, in);
  const std::int64_t width = inputs.x.cols;
  std::vector<RowRange> groups;
  const auto ends = get<std::int64_t>(in, "groups");
  for (std::size_t i = 0; i + 1 < ends.size(); i += 2) groups.push_back({ends[i], ends[i + 1]});
  std::vector<float> dx(static_cast<std::size_t>(inputs.x.rows * width));
  std::vector<std::int64_t> dw(static_cast<std::size_t>(inputs.w.rows * width));
  GradientSink sink;
  sink.units = dw.data();
  sink.unit = get_one<std::int32_t>(in, "unit");
  sink.limit = std::int64_t{1} << 61;
  HeadScratch scratch;
  const LossSums sums = head_loss_backward(context, inputs.x, inputs.w, inputs.z_loss,
                                           inputs.targets, groups, dx.data(), sink, scratch);
  if (scalar(sums.cross_entropy) != logged_sums(context, in).at("ce_units")) {
    throw std::runtime_error("forward and backward log other sums");
  }
  return {{"dx", floats(dx, {inputs.x.rows, width})}, {"dw", integers(dw, {inputs.w.rows, width})}};
}

void add_head_cases(std::vector<Case>& cases, Inputs& inputs, const std::string& name,
                    std::int64_t vocab, Kind x_kind, float w_scale, double z_loss) {
  const std::int64_t rows = 6, width = 3;
  std::vector<float> x = inputs.matrix(x_kind, rows, width);
  std::fill_n(x.begin() + 2 * width, width, 0.0F);  // an empty token
  std::vector<float> w = inputs.matrix(Kind::normal, vocab, width, w_scale);
  std::fill_n(w.begin() + width, width, 0.0F);  // and an empty row
  const std::vector<std::int64_t> targets = {vocab - 1, 0, 1, inputs.below(vocab), 1, -1};
  Json in = {{"x", floats(x, {rows, width})},
             {"w", floats(w, {vocab, width})},
             {"targets", integers(targets)},
             {"c", double_scalar(z_loss)}};
  cases.push_back({"head_loss", name, in});
  in["groups"] = integers(std::vector<std::int64_t>{0, 4, 4, 6}, {2, 2});
  in["unit"] = scalar(32);
  cases.push_back({"head_loss_backward", name, in});
}

std::vector<Case> head_cases() {
  std::vector<Case> cases;
  Inputs inputs("head");
  add_head_cases(cases, inputs, "two blocks", 1037, Kind::normal, 1, 1e-5);
  add_head_cases(cases, inputs, "one block", 29, Kind::spread, 0.02F, 1e-4);
  add_head_cases(cases, inputs, "certain", 13, Kind::normal, 60, 1e-4);
  add_head_cases(cases, inputs, "no z-loss", 7, Kind::ties, 1, 0);
  add_head_cases(cases, inputs, "weights all zero", 5, Kind::normal, 0, 1e-5);
  add_head_cases(cases, inputs, "subnormal", 5, Kind::subnormal, 0x1p-20F, 1e-5);
  return cases;
}

}  // namespace

Group attention_group() {
  return {"attention",
          {{"attention", attention_forward}, {"attention_backward", attention_gradients}},
          attention_cases};
}

Group head_group() {
  return {"head", {{"head_loss", logged_sums}, {"head_loss_backward", head_gradients}}, head_cases};
}

}  // namespace repro::train
