#include "train/nn/linear.h"

#include <algorithm>

namespace repro::train {
namespace {

constexpr std::int64_t kRowGrain = 64;
constexpr std::int64_t kColumnGrain = 256;

void quantize_folded(const Context& context, std::string_view tensor, const float* x,
                     std::int64_t rows, std::int64_t cols, std::int64_t ld,
                     const std::int32_t* fold, Quantized& out) {
  const TraceSpan span(context.trace(), "quantise");
  out.digits.resize(rows * cols);
  out.exponents.resize(rows);
  out.rows = rows;
  out.cols = cols;
  context.parallel->run_ranges(rows, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    check_finite_rows(context, {"quantise", tensor}, x + begin * ld, end - begin, cols, ld, begin);
    QuantizeRowsArgs args;
    args.x = x + begin * ld;
    args.rows = end - begin;
    args.cols = cols;
    args.ld = ld;
    args.fold = fold;
    args.digits = out.digits.data() + begin * cols;
    args.ld_digits = cols;
    args.exponents = out.exponents.data() + begin;
    context.rows().quantize_rows(args);
  });
}

// Columns of one group's gradient, the tokens' exponents folded in.
void quantize_group_columns(const Context& context, const float* dy, const Quantized& x,
                            std::int64_t outputs, const RowRange& group, LinearScratch& scratch) {
  const TraceSpan span(context.trace(), "quantise columns");
  const std::int64_t rows = group.end - group.begin;
  scratch.columns.resize(rows * outputs);
  scratch.column_exponents.resize(outputs);
  const float* group_dy = dy + group.begin * outputs;
  context.parallel->run_ranges(outputs, kColumnGrain, [&](std::int64_t begin, std::int64_t end) {
    QuantizeColumnsArgs args;
    args.x = group_dy + begin;
    args.rows = rows;
    args.cols = end - begin;
    args.ld = outputs;
    args.fold = x.exponents.data() + group.begin;
    args.digits = scratch.columns.data() + begin;
    args.ld_digits = outputs;
    args.exponents = scratch.column_exponents.data() + begin;
    context.rows().quantize_columns(args);
  });
}

const std::int32_t* zero_exponents(Buffer<std::int32_t>& zeros, std::int64_t count) {
  if (zeros.size() < count) {
    zeros.resize(count);
    zeros.fill(0);
  }
  return zeros.data();
}

}  // namespace

void quantize(const Context& context, std::string_view tensor, const float* x, std::int64_t rows,
              std::int64_t cols, std::int64_t ld, Quantized& out) {
  quantize_folded(context, tensor, x, rows, cols, ld, nullptr, out);
  if (context.peaks == nullptr) return;
  context.peaks->observe(tensor, x, rows, cols, ld, context.rows(), *context.parallel);
}

void linear(const Context& context, const Quantized& x, const Quantized& w, float* y,
            std::int64_t ld_y) {
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = x.exponents.data();
  output.b_exponent = w.exponents.data();
  output.values = y;
  output.ld = ld_y;
  context.gemm().run(x.rows, w.rows, x.cols, {x.digits.data(), x.cols, 1},
                     {w.digits.data(), w.cols, 1}, output, *context.parallel);
}

void linear_input_gradient(const Context& context, std::string_view tensor, const float* dy,
                           std::int64_t rows, const Quantized& w, float* dx,
                           LinearScratch& scratch) {
  quantize_folded(context, tensor, dy, rows, w.rows, w.rows, w.exponents.data(), scratch.dy);
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = scratch.dy.exponents.data();
  output.b_exponent = zero_exponents(scratch.zeros, w.cols);
  output.values = dx;
  output.ld = w.cols;
  context.gemm().run(rows, w.cols, w.rows, {scratch.dy.digits.data(), w.rows, 1},
                     {w.digits.data(), 1, w.cols}, output, *context.parallel);
}

void linear_weight_gradient(const Context& context, const float* dy, const Quantized& x,
                            std::int64_t outputs, std::span<const RowRange> groups,
                            const GradientSink& sink, LinearScratch& scratch) {
  for (const RowRange& group : groups) {
    const std::int64_t rows = group.end - group.begin;
    quantize_group_columns(context, dy, x, outputs, group, scratch);
    GemmOutput output;
    output.kind = GemmOutput::Kind::add_units;
    output.a_exponent = scratch.column_exponents.data();
    output.integers = sink.units;
    output.ld = x.cols;
    output.unit = sink.unit;
    output.limit = sink.limit;
    try {
      context.gemm().run(outputs, x.cols, rows, {scratch.columns.data(), 1, outputs},
                         {x.digits.data() + group.begin * x.cols, 1, x.cols}, output,
                         *context.parallel);
    } catch (Error& error) {
      name_gradient(sink.tensor, context.step, error);
      throw;
    }
  }
}

}  // namespace repro::train
