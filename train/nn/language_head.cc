#include "train/nn/language_head.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>

#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

constexpr std::int64_t kRowTile = 32;  // rows a task takes; no bit depends on it

// Per-thread scratch of the input gradient.
struct TileScratch {
  Buffer<std::int16_t> high;
  Buffer<std::int16_t> low;
  Buffer<std::int32_t> exponents;
  Buffer<std::int32_t> bounds;
  Buffer<std::int32_t> shifts;
  Buffer<std::int64_t> blocks;
};

TileScratch& thread_tile() {
  thread_local TileScratch scratch;
  return scratch;
}

std::int32_t max_exponent(const Quantized& w) {
  return *std::max_element(w.exponents.span().begin(), w.exponents.span().end());
}

void compute_logits(const Context& context, const Quantized& x, const Quantized& w,
                    const RowRange& rows, float* logits) {
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = x.exponents.data() + rows.begin;
  output.b_exponent = w.exponents.data();
  output.values = logits;
  output.ld = w.rows;
  context.gemm().run(rows.end - rows.begin, w.rows, x.cols,
                     {x.digits.data() + rows.begin * x.cols, x.cols, 1},
                     {w.digits.data(), w.cols, 1}, output, *context.parallel);
}

// Softmax and loss of a range of rows, in place over their logits.
LossSums losses(const Context& context, const RowRange& rows, std::int64_t vocab, float z_loss,
                std::span<const std::int32_t> targets, bool backward, HeadScratch& scratch) {
  const TraceSpan span(context.trace(), "head loss");
  LossSums total;
  std::mutex mutex;  // integer sums: the order of the additions is free
  const std::int64_t count = rows.end - rows.begin;
  context.parallel->run_ranges(count, 8, [&](std::int64_t begin, std::int64_t end) {
    LossSums sums;
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int32_t target = targets[static_cast<std::size_t>(rows.begin + r)];
      float* logits = scratch.logits.data() + r * vocab;
      if (target == kNoTarget) {
        scratch.target_factors[r] = 0;
        scratch.bounds[r] = 0;
        if (backward) std::fill_n(logits, vocab, 0.0F);
        continue;
      }
      check_finite(context, {"cross-entropy", "logits"}, logits, vocab, (rows.begin + r) * vocab);
      CrossEntropyRowArgs args;
      args.logits = logits;
      args.vocab = vocab;
      args.target = target;
      args.z_loss = z_loss;
      args.backward = backward;
      const CrossEntropyRowResult result = context.rows().cross_entropy_row(args);
      scratch.target_factors[r] = result.a;
      scratch.bounds[r] = result.bound;
      sums.targets += 1;
      sums.cross_entropy += result.ce_units;
      sums.z_loss += result.loss_units - result.ce_units;
      sums.correct += result.correct ? 1 : 0;
    }
    const std::lock_guard<std::mutex> lock(mutex);
    total += sums;
  });
  return total;
}

// dx of rows [begin, end) of a group whose B rows lie in scratch.logits.
void input_gradient_tile(const Context& context, const Quantized& w, const RowRange& group,
                         std::span<const std::int32_t> targets, std::int32_t max_w,
                         std::int64_t begin, std::int64_t end, HeadScratch& scratch, float* dx) {
  TileScratch& tile = thread_tile();
  const std::int64_t rows = end - begin;
  tile.high.resize(rows * kVocabBlock);
  tile.low.resize(rows * kVocabBlock);
  tile.exponents.resize(rows);
  tile.bounds.resize(rows);
  tile.shifts.resize(rows);
  tile.blocks.resize(rows * w.cols);
  tile.blocks.fill(0);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int32_t bound = logit_bound(scratch.bounds[begin + r], max_w);
    tile.bounds[r] = bound == kNoExponent ? 0 : bound;
    tile.shifts[r] = block_shift(bound);
  }
  for (std::int64_t first = 0; first < w.rows; first += kVocabBlock) {
    const std::int64_t width = std::min(kVocabBlock, w.rows - first);
    QuantizeRowsArgs args;
    args.x = scratch.logits.data() + begin * w.rows + first;
    args.rows = rows;
    args.cols = width;
    args.ld = w.rows;
    args.fold = w.exponents.data() + first;
    args.digits = tile.high.data();
    args.low = tile.low.data();
    args.ld_digits = width;
    args.exponents = tile.exponents.data();
    context.rows().quantize_rows(args);
    GemmOutput output;
    output.kind = GemmOutput::Kind::add_blocks;
    output.a_exponent = tile.exponents.data();
    output.a_low = tile.low.data();
    output.integers = tile.blocks.data();
    output.ld = w.cols;
    output.shift = tile.shifts.data();
    context.gemm().run(rows, w.cols, width, {tile.high.data(), width, 1},
                       {w.digits.data() + first * w.cols, 1, w.cols}, output, *context.parallel);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    float* out = dx + (group.begin + begin + r) * w.cols;
    context.rows().finish_blocks(tile.blocks.data() + r * w.cols, w.cols, tile.bounds[r], 1.0F,
                                 out);
    const std::int32_t target = targets[static_cast<std::size_t>(group.begin + begin + r)];
    if (target == kNoTarget) continue;
    context.rows().add_scaled_digits(w.digits.data() + target * w.cols, w.exponents[target],
                                     scratch.target_factors[begin + r], w.cols, out);
  }
}

void input_gradient(const Context& context, const Quantized& w, const RowRange& group,
                    std::span<const std::int32_t> targets, HeadScratch& scratch, float* dx) {
  const TraceSpan span(context.trace(), "head input gradient");
  const std::int32_t max_w = max_exponent(w);
  context.parallel->run_ranges(
      group.end - group.begin, kRowTile, [&](std::int64_t begin, std::int64_t end) {
        input_gradient_tile(context, w, group, targets, max_w, begin, end, scratch, dx);
      });
}

void quantize_logit_columns(const Context& context, const Quantized& x, const RowRange& group,
                            std::int64_t vocab, HeadScratch& scratch) {
  const TraceSpan span(context.trace(), "quantise columns");
  const std::int64_t rows = group.end - group.begin;
  scratch.columns.resize(rows * vocab);
  scratch.column_exponents.resize(vocab);
  context.parallel->run_ranges(vocab, 512, [&](std::int64_t begin, std::int64_t end) {
    QuantizeColumnsArgs args;
    args.x = scratch.logits.data() + begin;
    args.rows = rows;
    args.cols = end - begin;
    args.ld = vocab;
    args.fold = x.exponents.data() + group.begin;
    args.digits = scratch.columns.data() + begin;
    args.ld_digits = vocab;
    args.exponents = scratch.column_exponents.data() + begin;
    context.rows().quantize_columns(args);
  });
}

// The targets' shares a * x^ of one group.
void add_target_rows(const Context& context, const Quantized& x, const RowRange& group,
                     std::span<const std::int32_t> targets, const GradientSink& sink,
                     HeadScratch& scratch) {
  const TraceSpan span(context.trace(), "head loss");
  scratch.hat.resize(x.cols);
  for (std::int64_t r = group.begin; r < group.end; ++r) {
    const std::int32_t target = targets[static_cast<std::size_t>(r)];
    if (target == kNoTarget || x.exponents[r] == kEmptyExponent) continue;
    scratch.hat.fill(0);
    context.rows().add_scaled_digits(x.digits.data() + r * x.cols, x.exponents[r], 1.0F, x.cols,
                                     scratch.hat.data());
    const std::int64_t overflow =
        context.rows().add_units(scratch.hat.data(), scratch.target_factors[r - group.begin],
                                 x.cols, sink.unit, sink.limit, sink.units + target * x.cols);
    if (overflow >= 0) {
      fail_gradient_overflow(sink.tensor, target * x.cols + overflow, context.step);
    }
  }
}

// sink += B^T x of one group, then the targets' shares.
void weight_gradient(const Context& context, const Quantized& x, const RowRange& group,
                     std::span<const std::int32_t> targets, std::int64_t vocab,
                     const GradientSink& sink, HeadScratch& scratch) {
  const std::int64_t rows = group.end - group.begin;
  quantize_logit_columns(context, x, group, vocab, scratch);
  GemmOutput output;
  output.kind = GemmOutput::Kind::add_units;
  output.a_exponent = scratch.column_exponents.data();
  output.integers = sink.units;
  output.ld = x.cols;
  output.unit = sink.unit;
  output.limit = sink.limit;
  try {
    context.gemm().run(vocab, x.cols, rows, {scratch.columns.data(), 1, vocab},
                       {x.digits.data() + group.begin * x.cols, 1, x.cols}, output,
                       *context.parallel);
  } catch (Error& error) {
    name_gradient(sink.tensor, context.step, error);
    throw;
  }
  add_target_rows(context, x, group, targets, sink, scratch);
}

void prepare(HeadScratch& scratch, std::int64_t rows, std::int64_t vocab) {
  scratch.logits.resize(rows * vocab);
  scratch.target_factors.resize(rows);
  scratch.bounds.resize(rows);
}

}  // namespace

LossSums& LossSums::operator+=(const LossSums& other) {
  targets += other.targets;
  cross_entropy += other.cross_entropy;
  z_loss += other.z_loss;
  correct += other.correct;
  return *this;
}

LossSums head_loss(const Context& context, const Quantized& x, const Quantized& w, float z_loss,
                   std::span<const std::int32_t> targets, HeadScratch& scratch) {
  constexpr std::int64_t kRows = 128;
  LossSums total;
  for (std::int64_t begin = 0; begin < x.rows; begin += kRows) {
    const RowRange rows{begin, std::min(x.rows, begin + kRows)};
    prepare(scratch, rows.end - rows.begin, w.rows);
    compute_logits(context, x, w, rows, scratch.logits.data());
    total += losses(context, rows, w.rows, z_loss, targets, false, scratch);
  }
  return total;
}

LossSums head_loss_backward(const Context& context, const Quantized& x, const Quantized& w,
                            float z_loss, std::span<const std::int32_t> targets,
                            std::span<const RowRange> groups, float* dx, const GradientSink& sink,
                            HeadScratch& scratch) {
  LossSums total;
  for (const RowRange& group : groups) {
    const std::int64_t rows = group.end - group.begin;
    prepare(scratch, rows, w.rows);
    compute_logits(context, x, w, group, scratch.logits.data());
    total += losses(context, group, w.rows, z_loss, targets, true, scratch);
    input_gradient(context, w, group, targets, scratch, dx);
    weight_gradient(context, x, group, targets, w.rows, sink, scratch);
  }
  return total;
}

}  // namespace repro::train
