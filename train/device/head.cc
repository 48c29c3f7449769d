#include "train/device/head.h"

#include <algorithm>
#include <vector>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

constexpr std::int64_t kForwardRows = 1024;  // at once, where there is no backward

std::int64_t vocab_block(std::int64_t vocab) { return std::min(kVocabBlock, vocab); }

void compute_logits(DeviceContext& context, const HeadInput& input, const DeviceWeight& w,
                    const RowRange& rows, float* logits) {
  const std::int64_t padded = padded_depth(w.inputs);
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = input.x.exponents.data() + rows.begin;
  output.b_exponent = w.exponents.data();
  output.values = logits;
  output.ld = w.outputs;
  multiply(context, {input.split + rows.begin * 2 * padded, rows.end - rows.begin, padded},
           w.forward(), output, nullptr);
}

// Logits, softmax and loss of a range of rows, in place.
void losses(DeviceContext& context, const HeadInput& input, const DeviceHead& head, float z_loss,
            const RowRange& rows, bool backward, DeviceHeadScratch& scratch) {
  const std::int64_t count = rows.end - rows.begin;
  const std::int64_t vocab = head.weight.outputs;
  scratch.logits.resize(count * vocab);
  scratch.results.resize(count);
  compute_logits(context, input, head.weight, rows, scratch.logits.data());
  CrossEntropyBatch loss;
  loss.logits = scratch.logits.data();
  loss.rows = count;
  loss.vocab = vocab;
  loss.ld = vocab;
  loss.targets = input.targets + rows.begin;
  loss.z_loss = z_loss;
  loss.backward = backward;
  loss.results = scratch.results.data();
  loss.first_non_finite = context.watch_finite("cross-entropy", "logits", rows.begin * vocab);
  context.device.run(loss);
  LossRowsBatch sums;
  sums.results = scratch.results.data();
  sums.targets = loss.targets;
  sums.rows = count;
  sums.totals = scratch.totals.data();
  if (backward) {
    scratch.bounds.resize(count);
    scratch.factors.resize(count);
    sums.max_weight = head.max_exponent.data();
    sums.bounds = scratch.bounds.data();
    sums.factors = scratch.factors.data();
  }
  context.device.run(sums);
}

// Rows [begin, end) of a group whose B lies in scratch.logits, blocks [first, last) of the
// vocabulary.
struct LogitTile {
  std::int64_t begin = 0, end = 0;
  std::int64_t first = 0, last = 0;

  std::int64_t rows() const { return end - begin; }
  std::int64_t blocks() const { return last - first; }
};

// scratch.blocks += dotB over the tile's part of the vocabulary.
void add_tile(DeviceContext& context, const DeviceWeight& w, const LogitTile& tile,
              std::int64_t* trap, DeviceHeadScratch& scratch) {
  const std::int64_t block = vocab_block(w.outputs);
  const std::int64_t padded = padded_depth(block);
  QuantizeBlocksBatch quantize;
  quantize.x = scratch.logits.data() + tile.begin * w.outputs + tile.first * block;
  quantize.rows = tile.rows();
  quantize.cols = std::min(tile.last * block, w.outputs) - tile.first * block;
  quantize.ld = w.outputs;
  quantize.block = block;
  quantize.fold = w.exponents.data() + tile.first * block;
  quantize.group_rows = tile.rows();
  scratch.high.resize(tile.blocks() * tile.rows() * 2 * padded);
  scratch.low.resize(scratch.high.size());
  scratch.block_exponents.resize(tile.blocks() * tile.rows());
  quantize.high = scratch.high.data();
  quantize.low = scratch.low.data();
  quantize.exponents = scratch.block_exponents.data();
  context.device.run(quantize);

  DigitProduct product;
  product.batch = tile.blocks();
  product.m = tile.rows();
  product.n = w.inputs;
  product.padded = padded;
  product.a_stride = tile.rows() * 2 * padded;
  product.b = w.turned.data() + tile.first * w.inputs * 2 * padded;
  product.b_stride = w.inputs * 2 * padded;
  context.scratch.sums.resize(6 * product.sums());
  AddBlocksBatch add;
  std::int32_t* sums = context.scratch.sums.data();
  product.a = scratch.high.data();
  add.first = multiply(context.device, product, sums);
  product.a = scratch.low.data();
  add.second = multiply(context.device, product, sums + 3 * product.sums());
  add.blocks = tile.blocks();
  add.rows = tile.rows();
  add.cols = w.inputs;
  add.ld_sums = product.ld_sums();
  add.exponents = scratch.block_exponents.data();
  add.bounds = scratch.bounds.data() + tile.begin;
  add.integers = scratch.blocks.data();
  add.first_trap = trap;
  context.device.run(add);
}

// dx of rows [begin, end) of a group.
void finish_rows(DeviceContext& context, const HeadInput& input, const DeviceHead& head,
                 const RowRange& group, const LogitTile& tile, DeviceHeadScratch& scratch,
                 float* dx) {
  const std::int64_t hidden = head.weight.inputs;
  FinishBlocksBatch finish;
  finish.blocks = scratch.blocks.data();
  finish.rows = tile.rows();
  finish.cols = hidden;
  finish.bounds = scratch.bounds.data() + tile.begin;
  finish.values = dx + (group.begin + tile.begin) * hidden;
  finish.ld = hidden;
  context.device.run(finish);
  AddScaledBatch target;
  target.digits = head.digits.data();
  target.exponents = head.weight.exponents.data();
  target.ld_digits = hidden;
  target.index = input.targets + group.begin + tile.begin;
  target.factors = scratch.factors.data() + tile.begin;
  target.rows = tile.rows();
  target.cols = hidden;
  target.y = finish.values;
  target.ld_y = hidden;
  context.device.run(target);
}

void input_gradient(DeviceContext& context, const HeadInput& input, const DeviceHead& head,
                    const RowRange& group, DeviceHeadScratch& scratch, float* dx) {
  const DeviceWeight& w = head.weight;
  const std::int64_t rows = group.end - group.begin;
  const std::int64_t blocks = piece_count(w.outputs, vocab_block(w.outputs));
  // Of one block and row: six int32 sums, the block's digits.
  const std::int64_t bytes = 24 * padded_columns(w.inputs) + 4 * kVocabBlock;
  const std::int64_t budget = std::max<std::int64_t>(1, context.scratch.product_bytes / bytes);
  const std::int64_t tile_rows = std::min({rows, budget, kForwardRows});
  const std::int64_t tile_blocks = std::clamp<std::int64_t>(budget / tile_rows, 1, blocks);
  std::int64_t* trap = context.watch_product("logits", w.inputs, {GemmOutput::Kind::add_blocks});
  for (std::int64_t begin = 0; begin < rows; begin += tile_rows) {
    LogitTile tile{begin, std::min(rows, begin + tile_rows), 0, 0};
    scratch.blocks.resize(tile.rows() * w.inputs);
    scratch.blocks.clear();
    for (tile.first = 0; tile.first < blocks; tile.first = tile.last) {
      tile.last = std::min(blocks, tile.first + tile_blocks);
      add_tile(context, w, tile, trap, scratch);
    }
    finish_rows(context, input, head, group, tile, scratch, dx);
  }
}

// The targets' shares a * x^ of one group.
void add_target_rows(DeviceContext& context, const HeadInput& input, const RowRange& group,
                     const GradientSink& sink, DeviceHeadScratch& scratch) {
  const std::int64_t rows = group.end - group.begin;
  const std::int64_t hidden = input.x.cols;
  scratch.hat.resize(rows * hidden);
  scratch.hat.clear();
  AddScaledBatch hat;
  hat.digits = input.x.digits.data() + group.begin * hidden;
  hat.exponents = input.x.exponents.data() + group.begin;
  hat.ld_digits = hidden;
  hat.rows = rows;
  hat.cols = hidden;
  hat.y = scratch.hat.data();
  hat.ld_y = hidden;
  context.device.run(hat);
  AddUnitsBatch add;
  add.x = scratch.hat.data();
  add.rows = rows;
  add.cols = hidden;
  add.ld = hidden;
  add.index = input.targets + group.begin;
  add.factors = scratch.factors.data();
  add.unit = sink.unit;
  add.limit = sink.limit;
  add.units = sink.units;
  add.first_overflow =
      context.watch_gradient_rows(sink.tensor, hidden,
                                  input.host_targets.subspan(static_cast<std::size_t>(group.begin),
                                                             static_cast<std::size_t>(rows)));
  context.device.run(add);
}

}  // namespace

void prepare_head(DeviceContext& context, std::string_view tensor, const float* values,
                  std::int64_t vocab, std::int64_t hidden, DeviceHead& head) {
  prepare_weight(context, tensor, values, vocab, hidden, vocab_block(vocab), head.digits,
                 head.weight);
  context.device.run(FillExponents{head.max_exponent.data(), 1, kEmptyExponent});
  context.device.run(
      MaxExponentBatch{head.weight.exponents.data(), vocab, head.max_exponent.data()});
}

void head_loss(DeviceContext& context, const HeadInput& input, const DeviceHead& head, float z_loss,
               DeviceHeadScratch& scratch) {
  context.device.enter({context.step, "logits"});
  for (std::int64_t begin = 0; begin < input.x.rows; begin += kForwardRows) {
    losses(context, input, head, z_loss, {begin, std::min(input.x.rows, begin + kForwardRows)},
           false, scratch);
  }
}

void head_loss_backward(DeviceContext& context, const HeadInput& input, const DeviceHead& head,
                        float z_loss, std::span<const RowRange> groups, float* dx,
                        const GradientSink& sink, DeviceHeadScratch& scratch) {
  context.device.enter({context.step, "logits"});
  for (const RowRange& group : groups) {
    losses(context, input, head, z_loss, group, true, scratch);
    input_gradient(context, input, head, group, scratch, dx);
    group_weight_gradient(context, scratch.logits.data(), rows_of(input.x, group),
                          head.weight.outputs, sink);
    add_target_rows(context, input, group, sink, scratch);
  }
}

LossSums read_totals(const DeviceHeadScratch& scratch) {
  const std::vector<std::int64_t> totals = scratch.totals.download();
  LossSums sums;
  sums.targets = totals[LossRowsBatch::kTargets];
  sums.cross_entropy = totals[LossRowsBatch::kCrossEntropy];
  sums.z_loss = totals[LossRowsBatch::kZLoss];
  sums.correct = totals[LossRowsBatch::kCorrect];
  return sums;
}

}  // namespace repro::train
