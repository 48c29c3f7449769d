// How a task is cut: one (sequence, query head, block of 128 queries; in training aligned). Its
// score rows see keys [0, last query]; key blocks are the same 128 positions, so a dotB block of a
// gradient over queries is exactly one task's rows, and a block over keys is one column stripe of
// its scores. Entries above the diagonal, and those of another document, are zero digits, which
// cannot change an integer sum.
#include "train/nn/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "train/numerics/quantize.h"

namespace repro::train {
namespace {

// One query head and a block of at most 128 queries of one sequence.
struct Task {
  std::int64_t head = 0;
  std::int64_t kv_head = 0;
  std::int64_t first = 0;  // position of the first query
  std::int64_t queries = 0;
  std::int64_t keys = 0;                 // up to that of the last query
  const std::int32_t* begins = nullptr;  // of every position; null: all 0

  // Query i of the task sees the keys [begin(i), end(i)).
  std::int64_t begin(std::int64_t i) const { return begins == nullptr ? 0 : begins[first + i]; }
  std::int64_t end(std::int64_t i) const { return first + i + 1; }
  std::int64_t visible(std::int64_t i) const { return end(i) - begin(i); }
};

// Queries [first, end), or as many as a block takes.
Task make_task(const AttentionShape& shape, const AttentionSpan& span, std::int64_t head,
               std::int64_t first, std::int64_t end) {
  Task task;
  task.head = head;
  task.kv_head = head / (shape.heads / shape.kv_heads);
  task.first = first;
  task.queries = std::min(kAttentionBlock, end - first);
  task.keys = first + task.queries;
  task.begins = span.begins;
  return task;
}

// One head's digits, addressed by position within the sequence.
class HeadView {
 public:
  HeadView(const HeadRows& rows, std::int64_t head, std::int64_t head_dim)
      : ld(rows.ld),
        digits_(rows.digits + head * head_dim),
        exponents_(rows.exponents + head * rows.stride),
        first_(rows.first) {}

  const std::int16_t* digits(std::int64_t position) const {
    return digits_ + (position - first_) * ld;
  }
  const std::int32_t* exponents(std::int64_t position) const {
    return exponents_ + (position - first_);
  }

  const std::int64_t ld;

 private:
  const std::int16_t* digits_;
  const std::int32_t* exponents_;
  std::int64_t first_;
};

// The sequence whose position 0 is row `row0` of a batch.
HeadRows head_rows(const HeadDigits& source, std::int64_t width, std::int64_t rows,
                   std::int64_t row0) {
  return {source.digits.data() + row0 * width, source.exponents.data() + row0, width, rows, 0};
}

AttentionSpan whole_span(const AttentionShape& shape, const AttentionInputs& inputs,
                         std::int64_t sequence, float* o) {
  const std::int64_t row0 = sequence * shape.length;
  AttentionSpan span;
  span.count = shape.length;
  span.q = head_rows(inputs.q, shape.width(), shape.rows(), row0);
  span.k = head_rows(inputs.k, shape.kv_width(), shape.rows(), row0);
  span.v = head_rows(inputs.v, shape.kv_width(), shape.rows(), row0);
  span.o = o + row0 * shape.width();
  span.begins = shape.begins.empty() ? nullptr : shape.begins.data() + row0;
  return span;
}

struct Views {
  HeadView q, k, v;
  Views(const AttentionShape& shape, const AttentionSpan& span, const Task& task)
      : q(span.q, task.head, shape.head_dim),
        k(span.k, task.kv_head, shape.head_dim),
        v(span.v, task.kv_head, shape.head_dim) {}
};

// Scratch of one task; one per thread.
struct TaskScratch {
  Buffer<float> scores;  // [queries, keys]: s, then p, then P
  Buffer<float> dp;      // [queries, keys]: dP, then dS
  Buffer<std::int16_t> high;
  Buffer<std::int16_t> low;
  Buffer<std::int32_t> exponents;
  Buffer<std::int32_t> shifts;
  Buffer<std::int32_t> bounds;  // U, a query
  Buffer<std::int64_t> blocks;  // [queries, H]
  std::vector<SoftmaxRowResult> softmax;
};

TaskScratch& thread_scratch() {
  thread_local TaskScratch scratch;
  return scratch;
}

void gemm(const Context& context, std::int64_t m, std::int64_t n, std::int64_t k,
          const DigitView& a, const DigitView& b, const GemmOutput& output) {
  context.gemm().run(m, n, k, a, b, output, *context.parallel);
}

// out [queries, keys] = dot15 of query rows with key rows, on and below the diagonal.
void causal_products(const Context& context, const AttentionShape& shape, const Task& task,
                     const HeadView& a, const HeadView& b, float* out) {
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = a.exponents(task.first);
  output.b_exponent = b.exponents(0);
  output.values = out;
  output.ld = task.keys;
  output.causal = true;
  output.causal_offset = task.first;
  gemm(context, task.queries, task.keys, shape.head_dim, {a.digits(task.first), a.ld, 1},
       {b.digits(0), b.ld, 1}, output);
}

// Zero where query i of the task does not see the key.
void clear_hidden(const Task& task, std::int64_t i, float* row) {
  std::fill(row, row + task.begin(i), 0.0F);
  std::fill(row + task.end(i), row + task.keys, 0.0F);
}

// scores <- p_ij = exp(s_ij - m_i), zero where j is hidden from i.
void softmax_rows(const Context& context, const AttentionShape& shape, const Task& task,
                  const Views& views, float scale, TaskScratch& scratch) {
  scratch.scores.resize(task.queries * task.keys);
  scratch.softmax.resize(static_cast<std::size_t>(task.queries));
  causal_products(context, shape, task, views.q, views.k, scratch.scores.data());
  for (std::int64_t i = 0; i < task.queries; ++i) {
    float* row = scratch.scores.data() + i * task.keys;
    for (std::int64_t j = task.begin(i); j < task.end(i); ++j) row[j] *= scale;
    scratch.softmax[static_cast<std::size_t>(i)] =
        context.rows().softmax_row(row + task.begin(i), task.visible(i));
    clear_hidden(task, i, row);
  }
}

// Running maximum of the exponents that each query of the task sees.
void visible_maximum(const Task& task, const std::int32_t* exponents, std::int32_t* maximum) {
  std::int32_t running = kEmptyExponent;
  for (std::int64_t j = task.begin(0); j < task.first; ++j) {
    running = std::max(running, exponents[j]);
  }
  for (std::int64_t i = 0; i < task.queries; ++i) {
    if (task.visible(i) == 1) running = kEmptyExponent;  // a document begins
    running = std::max(running, exponents[task.first + i]);
    maximum[i] = running;
  }
}

// blocks [queries, H] += dotB over keys of x [queries, keys] with the rows of `other`, exponents of
// `other` folded into x. `second_digit` makes x q29.
void sum_over_keys(const Context& context, const AttentionShape& shape, const Task& task,
                   const float* x, const HeadView& other, bool second_digit, TaskScratch& scratch) {
  scratch.blocks.resize(task.queries * shape.head_dim);
  scratch.blocks.fill(0);
  scratch.shifts.resize(task.queries);
  for (std::int64_t i = 0; i < task.queries; ++i)
    scratch.shifts[i] = block_shift(scratch.bounds[i]);
  scratch.high.resize(kAttentionBlock * kAttentionBlock);
  scratch.low.resize(kAttentionBlock * kAttentionBlock);
  scratch.exponents.resize(kAttentionBlock);
  for (std::int64_t begin = 0; begin < task.keys; begin += kAttentionBlock) {
    const std::int64_t width = std::min(kAttentionBlock, task.keys - begin);
    QuantizeRowsArgs args;
    args.x = x + begin;
    args.rows = task.queries;
    args.cols = width;
    args.ld = task.keys;
    args.fold = other.exponents(begin);
    args.digits = scratch.high.data();
    args.low = second_digit ? scratch.low.data() : nullptr;
    args.ld_digits = width;
    args.exponents = scratch.exponents.data();
    context.rows().quantize_rows(args);
    GemmOutput output;
    output.kind = GemmOutput::Kind::add_blocks;
    output.a_exponent = scratch.exponents.data();
    output.a_low = args.low;
    output.integers = scratch.blocks.data();
    output.ld = shape.head_dim;
    output.shift = scratch.shifts.data();
    gemm(context, task.queries, shape.head_dim, width, {scratch.high.data(), width, 1},
         {other.digits(begin), 1, other.ld}, output);
  }
}

// blocks [keys, H] (leading dimension ld) += the task's one query block of x^T times `other`'s
// rows, their exponents folded into x. bounds: U of every key.
void sum_over_queries(const Context& context, const AttentionShape& shape, const Task& task,
                      const float* x, const HeadView& other, const std::int32_t* bounds,
                      std::int64_t* blocks, std::int64_t ld, TaskScratch& scratch) {
  scratch.high.resize(task.queries * task.keys);
  scratch.exponents.resize(task.keys);
  scratch.shifts.resize(task.keys);
  for (std::int64_t j = 0; j < task.keys; ++j) scratch.shifts[j] = block_shift(bounds[j]);
  QuantizeColumnsArgs args;
  args.x = x;
  args.rows = task.queries;
  args.cols = task.keys;
  args.ld = task.keys;
  args.fold = other.exponents(task.first);
  args.digits = scratch.high.data();
  args.ld_digits = task.keys;
  args.exponents = scratch.exponents.data();
  context.rows().quantize_columns(args);
  GemmOutput output;
  output.kind = GemmOutput::Kind::add_blocks;
  output.a_exponent = scratch.exponents.data();
  output.integers = blocks;
  output.ld = ld;
  output.shift = scratch.shifts.data();
  gemm(context, task.keys, shape.head_dim, task.queries, {scratch.high.data(), 1, task.keys},
       {other.digits(task.first), 1, other.ld}, output);
}

void forward_task(const Context& context, const AttentionShape& shape, const AttentionSpan& span,
                  const Task& task, float scale) {
  TaskScratch& scratch = thread_scratch();
  const Views views(shape, span, task);
  softmax_rows(context, shape, task, views, scale, scratch);
  scratch.bounds.resize(task.queries);
  visible_maximum(task, views.v.exponents(0), scratch.bounds.data());
  sum_over_keys(context, shape, task, scratch.scores.data(), views.v, true, scratch);
  for (std::int64_t i = 0; i < task.queries; ++i) {
    const std::int32_t bound = scratch.bounds[i] == kEmptyExponent ? 0 : scratch.bounds[i];
    context.rows().finish_blocks(
        scratch.blocks.data() + i * shape.head_dim, shape.head_dim, bound,
        scratch.softmax[static_cast<std::size_t>(i)].sum,
        span.o + (task.first - span.first + i) * shape.width() + task.head * shape.head_dim);
  }
}

// Everything backward tasks share.
struct BackwardPlan {
  const Context& context;
  const AttentionShape& shape;
  const AttentionInputs& inputs;
  const float* o;
  const AttentionGradients& gradients;
  AttentionScratch& scratch;
  float scale = 0;
  std::int32_t growth = 0;  // G + 1
};

// U of dV and dK for every key of one KV head: maxima over the heads of its group and the queries
// i >= j of its document.
void key_bounds(const BackwardPlan& plan, std::int64_t sequence, std::int64_t kv_head) {
  const AttentionShape& shape = plan.shape;
  const std::int64_t group = shape.heads / shape.kv_heads;
  const std::int64_t row0 = sequence * shape.length;
  const std::int32_t* ev = plan.inputs.v.exponents.data() + kv_head * shape.rows() + row0;
  // Whether a document begins at position i; at 0 nothing has to be forgotten.
  const auto begins_at = [&](std::int64_t i) {
    return !shape.begins.empty() && i < shape.length &&
           shape.begins[static_cast<std::size_t>(row0 + i)] == i;
  };
  std::vector<std::int32_t> visible_v(static_cast<std::size_t>(shape.length));
  std::int32_t running = kEmptyExponent;
  for (std::int64_t i = 0; i < shape.length; ++i) {
    if (begins_at(i)) running = kEmptyExponent;
    running = std::max(running, ev[i]);
    visible_v[static_cast<std::size_t>(i)] = running;
  }
  std::int32_t* dv = plan.scratch.dv_bounds.data() + kv_head * shape.rows() + row0;
  std::int32_t* dk = plan.scratch.dk_bounds.data() + kv_head * shape.rows() + row0;
  std::int32_t max_dv = kEmptyExponent;
  std::int32_t max_dk = kEmptyExponent;
  for (std::int64_t i = shape.length - 1; i >= 0; --i) {
    if (begins_at(i + 1)) max_dv = max_dk = kEmptyExponent;
    for (std::int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
      const std::int64_t at = h * shape.rows() + row0 + i;
      const std::int32_t ed = plan.scratch.d_o.exponents[at];
      const std::int32_t eq = plan.inputs.q.exponents[at];
      max_dv = std::max(max_dv, ed);
      const std::int32_t ds = add_exponents(ed, visible_v[static_cast<std::size_t>(i)]);
      max_dk = std::max(max_dk, add_exponents(add_exponents(ds, eq), plan.growth));
    }
    dv[i] = max_dv;
    dk[i] = max_dk;
  }
}

// dS and P of one task, from dP and the recomputed p.
void score_gradients(const BackwardPlan& plan, const Task& task, const Views& views,
                     const HeadView& d_o, const float* o, TaskScratch& scratch) {
  softmax_rows(plan.context, plan.shape, task, views, plan.scale, scratch);
  scratch.dp.resize(task.queries * task.keys);
  causal_products(plan.context, plan.shape, task, d_o, views.v, scratch.dp.data());
  const std::int64_t head_dim = plan.shape.head_dim;
  for (std::int64_t i = 0; i < task.queries; ++i) {
    const std::int64_t position = task.first + i;
    AttentionBackwardRowArgs args;
    args.p = scratch.scores.data() + i * task.keys + task.begin(i);
    args.dp = scratch.dp.data() + i * task.keys + task.begin(i);
    args.count = task.visible(i);
    args.sum = scratch.softmax[static_cast<std::size_t>(i)].sum;
    args.d = plan.context.rows().attention_d(
        d_o.digits(position), *d_o.exponents(position),
        o + position * plan.shape.width() + task.head * head_dim, head_dim);
    args.scale = plan.scale;
    plan.context.rows().attention_backward_row(args);
    clear_hidden(task, i, scratch.dp.data() + i * task.keys);
  }
}

void query_gradient(const BackwardPlan& plan, const Task& task, const Views& views,
                    const HeadView& d_o, std::int64_t row0, TaskScratch& scratch) {
  std::vector<std::int32_t> max_k(static_cast<std::size_t>(task.queries));
  visible_maximum(task, views.k.exponents(0), max_k.data());
  scratch.bounds.resize(task.queries);
  visible_maximum(task, views.v.exponents(0), scratch.bounds.data());
  for (std::int64_t i = 0; i < task.queries; ++i) {
    const std::int32_t ds = add_exponents(*d_o.exponents(task.first + i), scratch.bounds[i]);
    const std::int32_t both = add_exponents(ds, max_k[static_cast<std::size_t>(i)]);
    scratch.bounds[i] = add_exponents(both, plan.growth);
  }
  sum_over_keys(plan.context, plan.shape, task, scratch.dp.data(), views.k, false, scratch);
  const std::int64_t head_dim = plan.shape.head_dim;
  for (std::int64_t i = 0; i < task.queries; ++i) {
    const std::int32_t bound = scratch.bounds[i] == kEmptyExponent ? 0 : scratch.bounds[i];
    plan.context.rows().finish_blocks(
        scratch.blocks.data() + i * head_dim, head_dim, bound, 1.0F,
        plan.gradients.dq + (row0 + task.first + i) * plan.gradients.ld_q + task.head * head_dim);
  }
}

// All query heads and blocks of one (sequence, KV head): they add into the same dK and dV.
void backward_group(const BackwardPlan& plan, std::int64_t sequence, std::int64_t kv_head) {
  const AttentionShape& shape = plan.shape;
  const std::int64_t group = shape.heads / shape.kv_heads;
  const std::int64_t row0 = sequence * shape.length;
  const std::int64_t kv_ld = shape.kv_width();
  std::int64_t* dk = plan.scratch.dk_blocks.data() + row0 * kv_ld + kv_head * shape.head_dim;
  std::int64_t* dv = plan.scratch.dv_blocks.data() + row0 * kv_ld + kv_head * shape.head_dim;
  const std::int32_t* dk_bounds = plan.scratch.dk_bounds.data() + kv_head * shape.rows() + row0;
  const std::int32_t* dv_bounds = plan.scratch.dv_bounds.data() + kv_head * shape.rows() + row0;
  key_bounds(plan, sequence, kv_head);
  const AttentionSpan span = whole_span(shape, plan.inputs, sequence, nullptr);
  for (std::int64_t t = 0; t < shape.length; ++t) {
    std::fill_n(dk + t * kv_ld, shape.head_dim, 0);
    std::fill_n(dv + t * kv_ld, shape.head_dim, 0);
  }
  TaskScratch& scratch = thread_scratch();
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const HeadView d_o(head_rows(plan.scratch.d_o, shape.width(), shape.rows(), row0), head,
                       shape.head_dim);
    for (std::int64_t first = 0; first < shape.length; first += kAttentionBlock) {
      const Task task = make_task(shape, span, head, first, shape.length);
      const Views views(shape, span, task);
      score_gradients(plan, task, views, d_o, plan.o + row0 * shape.width(), scratch);
      sum_over_queries(plan.context, shape, task, scratch.scores.data(), d_o, dv_bounds, dv, kv_ld,
                       scratch);
      sum_over_queries(plan.context, shape, task, scratch.dp.data(), views.q, dk_bounds, dk, kv_ld,
                       scratch);
      query_gradient(plan, task, views, d_o, row0, scratch);
    }
  }
  const auto finish = [&](const std::int64_t* blocks, std::int32_t bound, float* out) {
    plan.context.rows().finish_blocks(blocks, shape.head_dim, bound == kEmptyExponent ? 0 : bound,
                                      1.0F, out + kv_head * shape.head_dim);
  };
  for (std::int64_t t = 0; t < shape.length; ++t) {
    finish(dk + t * kv_ld, dk_bounds[t], plan.gradients.dk + (row0 + t) * plan.gradients.ld_k);
    finish(dv + t * kv_ld, dv_bounds[t], plan.gradients.dv + (row0 + t) * plan.gradients.ld_v);
  }
}

}  // namespace

float attention_scale(std::int64_t head_dim) {
  return 1.0F / std::sqrt(static_cast<float>(head_dim));
}

// A dot product over H, scaled by 1 / sqrt(H), can grow by sqrt(H); dP - D by one bit more.
std::int32_t attention_growth(std::int64_t head_dim) {
  std::int32_t bits = 0;
  while ((std::int64_t{1} << bits) < head_dim) ++bits;
  return (bits + 1) / 2 + 1;
}

void quantize_heads(const Context& context, std::string_view tensor, const float* x,
                    std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t ld,
                    HeadDigits& out) {
  const TraceSpan span(context.trace(), "quantise");
  const std::int64_t width = heads * head_dim;
  out.digits.resize(rows * width);
  out.exponents.resize(heads * rows);
  context.parallel->run_ranges(rows, kAttentionBlock, [&](std::int64_t begin, std::int64_t end) {
    check_finite_rows(context, {"quantise", tensor}, x + begin * ld, end - begin, width, ld, begin);
    for (std::int64_t head = 0; head < heads; ++head) {
      QuantizeRowsArgs args;
      args.x = x + begin * ld + head * head_dim;
      args.rows = end - begin;
      args.cols = head_dim;
      args.ld = ld;
      args.digits = out.digits.data() + begin * width + head * head_dim;
      args.ld_digits = width;
      args.exponents = out.exponents.data() + head * rows + begin;
      context.rows().quantize_rows(args);
    }
  });
}

std::vector<PositionRange> whole_sequences(const AttentionShape& shape) {
  std::vector<PositionRange> ranges;
  for (std::int64_t sequence = 0; sequence < shape.sequences; ++sequence) {
    ranges.push_back({sequence * shape.length, 0, shape.length});
  }
  return ranges;
}

void attention(const Context& context, const AttentionShape& shape,
               std::span<const AttentionSpan> spans) {
  const TraceSpan traced(context.trace(), "attention");
  struct Block {
    const AttentionSpan* span = nullptr;
    std::int64_t first = 0;
  };
  std::vector<Block> blocks;
  for (const AttentionSpan& span : spans) {
    for (std::int64_t i = 0; i < span.count; i += kAttentionBlock)
      blocks.push_back({&span, span.first + i});
  }
  // Later blocks see more keys: they go first, so that no thread is left with the longest one.
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& a, const Block& b) { return a.first > b.first; });
  const float scale = attention_scale(shape.head_dim);
  const auto count = static_cast<std::int64_t>(blocks.size()) * shape.heads;
  context.parallel->run(count, [&](std::int64_t index) {
    const Block& block = blocks[static_cast<std::size_t>(index / shape.heads)];
    const AttentionSpan& span = *block.span;
    forward_task(context, shape, span,
                 make_task(shape, span, index % shape.heads, block.first, span.first + span.count),
                 scale);
  });
}

void attention(const Context& context, const AttentionShape& shape, const AttentionInputs& inputs,
               float* o) {
  std::vector<AttentionSpan> spans;
  for (std::int64_t sequence = 0; sequence < shape.sequences; ++sequence) {
    spans.push_back(whole_span(shape, inputs, sequence, o));
  }
  attention(context, shape, spans);
}

void attention_backward(const Context& context, const AttentionShape& shape,
                        const AttentionInputs& inputs, const float* o, const float* d_o,
                        const AttentionGradients& gradients, AttentionScratch& scratch) {
  quantize_heads(context, "attention output gradient", d_o, shape.rows(), shape.heads,
                 shape.head_dim, shape.width(), scratch.d_o);
  scratch.dk_blocks.resize(shape.rows() * shape.kv_width());
  scratch.dv_blocks.resize(shape.rows() * shape.kv_width());
  scratch.dk_bounds.resize(shape.rows() * shape.kv_heads);
  scratch.dv_bounds.resize(shape.rows() * shape.kv_heads);
  const BackwardPlan plan{context,
                          shape,
                          inputs,
                          o,
                          gradients,
                          scratch,
                          attention_scale(shape.head_dim),
                          attention_growth(shape.head_dim)};
  const TraceSpan traced(context.trace(), "attention backward");
  context.parallel->run(shape.sequences * shape.kv_heads, [&](std::int64_t index) {
    backward_group(plan, index / shape.kv_heads, index % shape.kv_heads);
  });
}

}  // namespace repro::train
