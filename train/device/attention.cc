// How it is cut: a tile's queries see keys [0, last query of the tile]; blocks of dotB are 128
// positions from position 0, and tiles are unions of them. What lies above the diagonal is zero
// before it is quantised, so it is zero digits, which change no integer sum. Query heads that share
// a KV head (a group) go one after another: then every operand is there once, and the batch's
// strides are even.
#include "train/device/attention.h"

#include <algorithm>

#include "artifacts/base/error.h"
#include "train/device/products.h"

namespace repro::train {
namespace {

// One sequence of a call; its position 0 is row `row0` of the batch.
struct Pass {
  AttentionArrays& arrays;
  const AttentionShape& shape;
  std::int64_t tile;
  std::int64_t* first_trap;
  std::int64_t row0;

  std::int64_t group() const { return shape.heads / shape.kv_heads; }
  void run(const Program& program) const { arrays.device.run(program); }
};

// Queries [first, first + queries) of query head `member` of every group.
struct Tile {
  std::int64_t first = 0, queries = 0;
  std::int64_t member = 0;

  std::int64_t keys() const { return first + queries; }  // visible to the last query
};

template <class Work>
void for_tiles(const Pass& pass, const Work& work) {
  for (std::int64_t first = 0; first < pass.shape.length; first += pass.tile) {
    work(Tile{first, std::min(pass.tile, pass.shape.length - first)});
  }
}

// A tensor's heads in the pass's sequence.
struct Heads {
  const std::int16_t* digits;     // [T, heads * H]
  const std::int32_t* exponents;  // [heads][T], `rows` from head to head
  std::int64_t heads;

  Heads(const Pass& pass, const DeviceHeads& source, std::int64_t count)
      : digits(source.digits + pass.row0 * count * pass.shape.head_dim),
        exponents(source.exponents + pass.row0),
        heads(count) {}
};

// Exponents of the tile's query heads, shape.rows() * group from one to the next.
const std::int32_t* query_exponents(const Pass& pass, const Tile& tile, const Heads& heads) {
  return heads.exponents + tile.member * pass.shape.rows() + tile.first;
}
std::int64_t query_stride(const Pass& pass) { return pass.group() * pass.shape.rows(); }

void split_rows(const Pass& pass, const Heads& heads, bool low_first,
                DeviceArray<std::int8_t>& to) {
  pass.run(SplitHeadsBatch{heads.digits, pass.shape.length, heads.heads, pass.shape.head_dim,
                           heads.heads * pass.shape.head_dim, low_first, to.data()});
}

void split_blocks(const Pass& pass, const Heads& heads, DeviceArray<std::int8_t>& to) {
  const ColumnBlocks blocks{pass.shape.length, pass.shape.head_dim, kAttentionBlock, heads.heads};
  pass.run(
      SplitColumnsBatch{heads.digits, heads.heads * pass.shape.head_dim, blocks, true, to.data()});
}

DigitSums multiply(const Pass& pass, const DigitProduct& product, DeviceArray<std::int32_t>& sums) {
  return train::multiply(pass.arrays.device, product, sums.data());
}

CausalRows causal_rows(const Pass& pass, const Tile& tile) {
  return {pass.shape.kv_heads * tile.queries, tile.keys(), tile.keys(), tile.queries,
          tile.first + 1};
}

// One operand of the scores: heads and what split_rows made of them.
struct ScoreOperand {
  const Heads& heads;
  const DeviceArray<std::int8_t>& rows;
};

// out [G][queries][keys] = dot15 of query rows a with key rows b, on and below the diagonal.
void causal_products(const Pass& pass, const Tile& tile, const ScoreOperand& a,
                     const ScoreOperand& b, float* out) {
  const std::int64_t row = 2 * padded_depth(pass.shape.head_dim);
  DigitProduct product;
  product.batch = pass.shape.kv_heads;
  product.m = tile.queries;
  product.n = tile.keys();
  product.padded = padded_depth(pass.shape.head_dim);
  product.a = a.rows.data() + (tile.member * pass.shape.length + tile.first) * row;
  product.b = b.rows.data();
  product.a_stride = pass.group() * pass.shape.length * row;
  product.b_stride = pass.shape.length * row;
  const DigitSums sums = multiply(pass, product, pass.arrays.sums);
  pass.run(JoinScoresBatch{sums, product.ld_sums(), causal_rows(pass, tile),
                           query_exponents(pass, tile, a.heads), query_stride(pass),
                           b.heads.exponents, pass.shape.rows(), out});
}

// scores = p, zero above the diagonal.
void softmax_rows(const Pass& pass, const Tile& tile, const Heads& q, const Heads& k) {
  AttentionArrays& arrays = pass.arrays;
  causal_products(pass, tile, {q, arrays.q}, {k, arrays.k}, arrays.scores.data());
  pass.run(SoftmaxBatch{causal_rows(pass, tile), arrays.scores.data(),
                        attention_scale(pass.shape.head_dim), arrays.softmax.data()});
}

// query_sums [G][queries][H] = dotB over keys of x [G][queries][keys] with the blocks of `other`,
// whose exponents are folded into x, under query_bounds. `second_digit` makes x q29.
void sum_over_keys(const Pass& pass, const Tile& tile, const float* x, const Heads& other,
                   const DeviceArray<std::int8_t>& other_blocks, bool second_digit) {
  AttentionArrays& arrays = pass.arrays;
  const std::int64_t rows = pass.shape.kv_heads * tile.queries;
  const std::int64_t blocks = attention_blocks(tile.keys());
  pass.run(QuantizeBlocksBatch{x, rows, tile.keys(), tile.keys(), kAttentionBlock, other.exponents,
                               tile.queries, pass.shape.rows(), arrays.digits.data(),
                               second_digit ? arrays.second_digits.data() : nullptr,
                               arrays.exponents.data()});
  DigitProduct product;
  product.batch = blocks * pass.shape.kv_heads;
  product.m = tile.queries;
  product.n = pass.shape.head_dim;
  product.padded = padded_depth(kAttentionBlock);
  product.a = arrays.digits.data();
  product.b = other_blocks.data();
  product.a_stride = tile.queries * kBlockRow;
  product.b_stride = pass.shape.head_dim * kBlockRow;
  AddBlocksBatch add;
  add.first = multiply(pass, product, arrays.sums);
  if (second_digit) {
    product.a = arrays.second_digits.data();
    add.second = multiply(pass, product, arrays.second_sums);
  }
  add.blocks = blocks;
  add.rows = rows;
  add.cols = pass.shape.head_dim;
  add.ld_sums = product.ld_sums();
  add.exponents = arrays.exponents.data();
  add.bounds = arrays.query_bounds.data();
  add.integers = arrays.query_sums.data();
  add.first_trap = pass.first_trap;
  arrays.query_sums.clear();
  pass.run(add);
}

// The tile's rows of values [T, Q * H], leading dimension ld, from query_sums.
void finish_queries(const Pass& pass, const Tile& tile, const SoftmaxRowResult* softmax,
                    float* values, std::int64_t ld) {
  const std::int64_t head_dim = pass.shape.head_dim;
  pass.run(FinishBlocksBatch{pass.arrays.query_sums.data(), pass.shape.kv_heads * tile.queries,
                             head_dim, pass.arrays.query_bounds.data(), softmax,
                             values + tile.first * ld + tile.member * head_dim, ld,
                             RowGroups{tile.queries, pass.group() * head_dim}});
}

// A sum over queries into the gradient of keys or values.
struct KeySum {
  const Heads& other;  // of queries: its exponents are folded into the scores
  const DeviceArray<std::int8_t>& other_blocks;
  const DeviceArray<std::int32_t>& bounds;  // [G][T]
  DeviceArray<std::int64_t>& sums;          // [G][T][H] +=
};

// sums += the T_b of x^T [G][keys][queries] with the tile's blocks of `other`.
void sum_over_queries(const Pass& pass, const Tile& tile, const float* x, const KeySum& sum) {
  AttentionArrays& arrays = pass.arrays;
  const std::int64_t keys = tile.keys();
  const std::int64_t head_dim = pass.shape.head_dim;
  const ColumnBlocks shape{tile.queries, keys, kAttentionBlock, pass.shape.kv_heads};
  const FoldedColumns columns{x,
                              tile.queries * keys,
                              keys,
                              query_exponents(pass, tile, sum.other),
                              query_stride(pass),
                              shape,
                              arrays.exponents.data()};
  pass.run(FillExponents{columns.exponents, shape.operands() * keys, kEmptyExponent});
  pass.run(ColumnExponentsBatch{columns});
  pass.run(QuantizeColumnsSplitBatch{columns, arrays.digits.data()});
  DigitProduct product;
  product.batch = shape.operands();
  product.m = keys;
  product.n = head_dim;
  product.padded = padded_depth(kAttentionBlock);
  product.a = arrays.digits.data();
  product.b =
      sum.other_blocks.data() +
      (tile.first / kAttentionBlock * pass.shape.heads + tile.member) * head_dim * kBlockRow;
  product.a_stride = keys * kBlockRow;
  product.b_stride = pass.group() * head_dim * kBlockRow;
  AddBlocksBatch add;
  add.first = multiply(pass, product, arrays.sums);
  add.blocks = shape.blocks();
  add.rows = pass.shape.kv_heads * keys;
  add.cols = head_dim;
  add.ld_sums = product.ld_sums();
  add.exponents = columns.exponents;
  add.bounds = sum.bounds.data();
  add.integers = sum.sums.data();
  add.groups = RowGroups{keys, pass.shape.length};
  add.first_trap = pass.first_trap;
  pass.run(add);
}

void forward_sequence(const Pass& pass, const DeviceAttentionInputs& inputs, float* o) {
  AttentionArrays& arrays = pass.arrays;
  const AttentionShape& shape = pass.shape;
  const Heads q(pass, inputs.q, shape.heads);
  const Heads k(pass, inputs.k, shape.kv_heads);
  const Heads v(pass, inputs.v, shape.kv_heads);
  split_rows(pass, q, false, arrays.q);
  split_rows(pass, k, true, arrays.k);
  split_blocks(pass, v, arrays.v_blocks);
  for_tiles(pass, [&](Tile tile) {
    pass.run(VisibleMaximaBatch{v.exponents, shape.rows(), shape.kv_heads, tile.queries, tile.first,
                                arrays.query_bounds.data()});
    for (tile.member = 0; tile.member < pass.group(); ++tile.member) {
      softmax_rows(pass, tile, q, k);
      sum_over_keys(pass, tile, arrays.scores.data(), v, arrays.v_blocks, true);
      finish_queries(pass, tile, arrays.softmax.data(), o + pass.row0 * shape.width(),
                     shape.width());
    }
  });
}

// Everything of one sequence that its tiles share.
struct Backward {
  const Pass& pass;
  Heads q, k, v, d_o;
  const float* o;                // of the sequence
  AttentionGradients gradients;  // of the sequence
};

Backward make_backward(const Pass& pass, const DeviceAttentionInputs& inputs, const float* o,
                       AttentionGradients gradients) {
  const AttentionShape& shape = pass.shape;
  const DeviceHeads d_o{pass.arrays.d_o_digits.data(), pass.arrays.d_o_exponents.data()};
  gradients.dq += pass.row0 * gradients.ld_q;
  gradients.dk += pass.row0 * gradients.ld_k;
  gradients.dv += pass.row0 * gradients.ld_v;
  return {pass,
          Heads(pass, inputs.q, shape.heads),
          Heads(pass, inputs.k, shape.kv_heads),
          Heads(pass, inputs.v, shape.kv_heads),
          Heads(pass, d_o, shape.heads),
          o + pass.row0 * shape.width(),
          gradients};
}

void prepare_backward(const Backward& backward) {
  const Pass& pass = backward.pass;
  AttentionArrays& arrays = pass.arrays;
  const AttentionShape& shape = pass.shape;
  split_rows(pass, backward.q, false, arrays.q);
  split_rows(pass, backward.d_o, false, arrays.d_o);
  split_rows(pass, backward.k, true, arrays.k);
  split_rows(pass, backward.v, true, arrays.v);
  split_blocks(pass, backward.q, arrays.q_blocks);
  split_blocks(pass, backward.d_o, arrays.d_o_blocks);
  split_blocks(pass, backward.k, arrays.k_blocks);
  pass.run(VisibleMaximaBatch{backward.v.exponents, shape.rows(), shape.kv_heads, shape.length, 0,
                              arrays.visible_v.data()});
  pass.run(KeyBoundsBatch{backward.d_o.exponents, backward.q.exponents, shape.rows(),
                          arrays.visible_v.data(), shape.kv_heads, pass.group(), shape.length,
                          attention_growth(shape.head_dim), arrays.dv_bounds.data(),
                          arrays.dk_bounds.data()});
  arrays.dk_sums.clear();
  arrays.dv_sums.clear();
}

// P and dS of a tile, in scores and d_scores.
void score_gradients(const Backward& backward, const Tile& tile) {
  const Pass& pass = backward.pass;
  AttentionArrays& arrays = pass.arrays;
  const std::int64_t head_dim = pass.shape.head_dim;
  const std::int64_t width = pass.shape.width();
  softmax_rows(pass, tile, backward.q, backward.k);
  causal_products(pass, tile, {backward.d_o, arrays.d_o}, {backward.v, arrays.v},
                  arrays.d_scores.data());
  const std::int64_t at = tile.first * width + tile.member * head_dim;
  pass.run(AttentionBackwardBatch{
      causal_rows(pass, tile), arrays.scores.data(), arrays.d_scores.data(), arrays.softmax.data(),
      attention_scale(head_dim), head_dim, backward.d_o.digits + at, backward.o + at, width,
      pass.group() * head_dim, query_exponents(pass, tile, backward.d_o), query_stride(pass)});
}

void query_gradient(const Backward& backward, const Tile& tile) {
  const Pass& pass = backward.pass;
  AttentionArrays& arrays = pass.arrays;
  const AttentionShape& shape = pass.shape;
  pass.run(QueryBoundsBatch{
      shape.kv_heads, tile.queries, tile.first, query_exponents(pass, tile, backward.d_o),
      query_stride(pass), arrays.visible_v.data() + tile.first, shape.length, backward.k.exponents,
      shape.rows(), attention_growth(shape.head_dim), arrays.query_bounds.data()});
  sum_over_keys(pass, tile, arrays.d_scores.data(), backward.k, arrays.k_blocks, false);
  finish_queries(pass, tile, nullptr, backward.gradients.dq, backward.gradients.ld_q);
}

void backward_sequence(const Backward& backward) {
  const Pass& pass = backward.pass;
  AttentionArrays& arrays = pass.arrays;
  const KeySum dv{backward.d_o, arrays.d_o_blocks, arrays.dv_bounds, arrays.dv_sums};
  const KeySum dk{backward.q, arrays.q_blocks, arrays.dk_bounds, arrays.dk_sums};
  prepare_backward(backward);
  for_tiles(pass, [&](Tile tile) {
    for (tile.member = 0; tile.member < pass.group(); ++tile.member) {
      score_gradients(backward, tile);
      sum_over_queries(pass, tile, arrays.scores.data(), dv);
      sum_over_queries(pass, tile, arrays.d_scores.data(), dk);
      query_gradient(backward, tile);
    }
  });
  const auto finish = [&](const KeySum& sum, float* values, std::int64_t ld) {
    const AttentionShape& shape = pass.shape;
    pass.run(FinishBlocksBatch{sum.sums.data(), shape.kv_heads * shape.length, shape.head_dim,
                               sum.bounds.data(), nullptr, values, ld,
                               RowGroups{shape.length, shape.head_dim}});
  };
  finish(dk, backward.gradients.dk, backward.gradients.ld_k);
  finish(dv, backward.gradients.dv, backward.gradients.ld_v);
}

}  // namespace

DeviceAttention::DeviceAttention(Device& device, std::int64_t tile) : tile_(tile), arrays_(device) {
  REPRO_CHECK(tile > 0 && tile % kAttentionBlock == 0);
}

void DeviceAttention::forward(const AttentionShape& shape, const DeviceAttentionInputs& inputs,
                              float* o, std::int64_t* first_trap) {
  arrays_.reserve_forward(shape, tile_);
  for (const PositionRange& sequence : whole_sequences(shape)) {
    forward_sequence({arrays_, shape, tile_, first_trap, sequence.row}, inputs, o);
  }
}

void DeviceAttention::backward(const AttentionShape& shape, const DeviceAttentionInputs& inputs,
                               const float* o, const float* d_o,
                               const AttentionGradients& gradients, std::int64_t* first_non_finite,
                               std::int64_t* first_trap) {
  arrays_.reserve_both(shape, tile_);
  arrays_.device.run(QuantizeHeadsBatch{d_o, shape.rows(), shape.heads, shape.head_dim,
                                        shape.width(), nullptr, arrays_.d_o_digits.data(),
                                        arrays_.d_o_exponents.data(), first_non_finite});
  for (const PositionRange& sequence : whole_sequences(shape)) {
    const Pass pass{arrays_, shape, tile_, first_trap, sequence.row};
    backward_sequence(make_backward(pass, inputs, o, gradients));
  }
}

}  // namespace repro::train
