#include "train/device/linear.h"

#include <algorithm>
#include <string>
#include <vector>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

void check_depth(std::string_view tensor, std::int64_t depth) {
  if (depth <= kSplitDepth) return;
  throw Error(Code::environment,
              std::string(tensor) + ": a GPU contracts at most " + std::to_string(kSplitDepth) +
                  " elements at once, not " + std::to_string(depth),
              "--device cpu has no such bound");
}

// The rows' digits turned: operand B [cols, depth].
void turn(DeviceContext& context, const std::int16_t* digits, std::int64_t depth, std::int64_t cols,
          std::int64_t block, DeviceArray<std::int8_t>& b) {
  SplitColumnsBatch args;
  args.digits = digits;
  args.ld = cols;
  args.shape = {depth, cols, block, 1};
  // The rows beyond the last operand that a product reads.
  b.resize(args.shape.split_size() + operand_size(cols, args.shape.padded()) -
           cols * 2 * args.shape.padded());
  args.split = b.data();
  context.device.run(args);
}

// Digits and exponents of x; a value that is not finite is one of `tensor`.
void run_quantize(DeviceContext& context, std::string_view tensor, QuantizeHeadsBatch args) {
  context.device.enter({context.step, tensor});
  args.first_non_finite = context.watch_finite("quantise", tensor);
  context.device.run(args);
}

void observe_peaks(DeviceContext& context, std::string_view tensor, const float* x,
                   std::int64_t rows, std::int64_t cols, std::int64_t ld) {
  DeviceArray<float> maxima(context.device, rows);
  DeviceArray<float> squares(context.device, rows);
  context.device.run(PeaksBatch{x, rows, cols, ld, maxima.data(), squares.data()});
  const std::vector<float> max = maxima.download();
  const std::vector<float> sum = squares.download();
  std::vector<RowPeak> seen(static_cast<std::size_t>(rows));
  for (std::size_t r = 0; r < seen.size(); ++r) seen[r] = {max[r], sum[r]};
  context.peaks->observe(tensor, cols, seen);
}

}  // namespace

void prepare_weight(DeviceContext& context, std::string_view tensor, const float* values,
                    std::int64_t outputs, std::int64_t inputs, std::int64_t block,
                    DeviceArray<std::int16_t>& digits, DeviceWeight& weight) {
  const std::int64_t turned_block = block == 0 ? outputs : block;
  check_depth(tensor, inputs);
  check_depth(tensor, turned_block);
  weight.outputs = outputs;
  weight.inputs = inputs;
  weight.exponents.resize(outputs);
  weight.split.resize(operand_size(outputs, padded_depth(inputs)));
  digits.resize(outputs * inputs);
  run_quantize(context, tensor,
               {.x = values,
                .rows = outputs,
                .head_dim = inputs,
                .ld = inputs,
                .digits = digits.data(),
                .exponents = weight.exponents.data()});
  context.device.run(
      SplitHeadsBatch{digits.data(), outputs, 1, inputs, inputs, true, weight.split.data()});
  turn(context, digits.data(), outputs, inputs, turned_block, weight.turned);
}

void quantize(DeviceContext& context, std::string_view tensor, const float* x, std::int64_t rows,
              std::int64_t cols, std::int64_t ld, DeviceQuantized& out,
              const QuantizeOptions& options) {
  out.digits.resize(rows * cols);
  out.exponents.resize(rows * options.heads);
  out.rows = rows;
  out.cols = cols;
  const std::int64_t head_dim = cols / options.heads;
  if (options.split != nullptr) {
    options.split->resize(rows * options.heads * 2 * padded_depth(head_dim));
  }
  run_quantize(context, tensor,
               {.x = x,
                .rows = rows,
                .heads = options.heads,
                .head_dim = head_dim,
                .ld = ld,
                .digits = out.digits.data(),
                .exponents = out.exponents.data(),
                .split = options.split == nullptr ? nullptr : options.split->data()});
  if (context.peaks != nullptr && options.heads == 1) {
    observe_peaks(context, tensor, x, rows, cols, ld);
  }
}

void linear(DeviceContext& context, std::string_view tensor, const float* x, std::int64_t rows,
            const DeviceWeight& w, DeviceQuantized& digits, float* y) {
  quantize(context, tensor, x, rows, w.inputs, w.inputs, digits, {1, &context.scratch.a});
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = digits.exponents.data();
  output.b_exponent = w.exponents.data();
  output.values = y;
  output.ld = w.outputs;
  multiply(context, {context.scratch.a.data(), rows, padded_depth(w.inputs)}, w.forward(), output,
           nullptr);
}

void linear_input_gradient(DeviceContext& context, std::string_view tensor, const float* dy,
                           std::int64_t rows, const DeviceWeight& w, float* dx) {
  DeviceScratch& scratch = context.scratch;
  const std::int64_t padded = padded_depth(w.outputs);
  scratch.digits.resize(rows * w.outputs);
  scratch.exponents.resize(rows);
  scratch.a.resize(rows * 2 * padded);
  run_quantize(context, tensor,
               {.x = dy,
                .rows = rows,
                .head_dim = w.outputs,
                .ld = w.outputs,
                .fold = w.exponents.data(),
                .digits = scratch.digits.data(),
                .exponents = scratch.exponents.data(),
                .split = scratch.a.data()});
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = scratch.exponents.data();
  output.values = dx;
  output.ld = w.inputs;
  multiply(context, {scratch.a.data(), rows, padded}, {w.turned.data(), w.inputs, padded}, output,
           nullptr);
}

QuantizedRows rows_of(const DeviceQuantized& x, const RowRange& range) {
  return {x.digits.data() + range.begin * x.cols, x.exponents.data() + range.begin,
          range.end - range.begin, x.cols};
}

void group_weight_gradient(DeviceContext& context, const float* dy, const QuantizedRows& x,
                           std::int64_t outputs, const GradientSink& sink) {
  DeviceScratch& scratch = context.scratch;
  context.device.enter({context.step, sink.tensor});
  scratch.exponents.resize(outputs);
  context.device.run(FillExponents{scratch.exponents.data(), outputs, kEmptyExponent});
  FoldedColumns columns;
  columns.x = dy;
  columns.ld = outputs;
  columns.fold = x.exponents;
  columns.shape = {x.rows, outputs, x.rows, 1};
  columns.exponents = scratch.exponents.data();
  context.device.run(ColumnExponentsBatch{columns});
  GemmOutput output;
  output.kind = GemmOutput::Kind::add_units;
  output.a_exponent = scratch.exponents.data();
  output.integers = sink.units;
  output.ld = x.cols;
  output.unit = sink.unit;
  output.limit = sink.limit;
  std::int64_t* trap = context.watch_product(sink.tensor, x.cols, output);
  for (std::int64_t begin = 0; begin < x.rows; begin += kSplitDepth) {
    const std::int64_t size = std::min(kSplitDepth, x.rows - begin);
    FoldedColumns part = columns;
    part.x += begin * outputs;
    part.fold += begin;
    part.shape = {size, outputs, size, 1};
    scratch.a.resize(part.shape.split_size());
    context.device.run(QuantizeColumnsSplitBatch{part, scratch.a.data()});
    turn(context, x.digits + begin * x.cols, size, x.cols, size, scratch.b);
    multiply(context, {scratch.a.data(), outputs, padded_depth(size)},
             {scratch.b.data(), x.cols, padded_depth(size)}, output, trap,
             {begin == 0, begin + size == x.rows});
  }
}

void linear_weight_gradient(DeviceContext& context, const float* dy, const DeviceQuantized& x,
                            std::int64_t outputs, std::span<const RowRange> groups,
                            const GradientSink& sink) {
  for (const RowRange& group : groups) {
    group_weight_gradient(context, dy + group.begin * outputs, rows_of(x, group), outputs, sink);
  }
}

}  // namespace repro::train
