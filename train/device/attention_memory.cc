#include "train/device/attention_memory.h"

#include <algorithm>

namespace repro::train {
namespace {

constexpr std::int64_t kLargestTile = 512;
// An operand's rows are read up to padded_columns.
constexpr std::int64_t kSpareRows = kSplitAlignment - 1;

std::int64_t head_row(const AttentionShape& shape) { return 2 * padded_depth(shape.head_dim); }

// Sizes of AttentionArrays, in elements.
struct Sizes {
  std::int64_t q_rows, kv_rows;
  std::int64_t q_blocks, kv_blocks;
  std::int64_t block_sums, sums;
  std::int64_t scores;
  std::int64_t second_digits, digits, exponents;
  std::int64_t queries, query_values;
  std::int64_t positions, position_values;
  std::int64_t d_o, d_o_exponents;

  Sizes(const AttentionShape& shape, std::int64_t tile) {
    const std::int64_t length = shape.length;
    const std::int64_t columns = padded_columns(shape.head_dim);
    q_rows = shape.heads * length * head_row(shape);
    kv_rows = (shape.kv_heads * length + kSpareRows) * head_row(shape);
    q_blocks = (attention_blocks(length) * shape.width() + kSpareRows) * kBlockRow;
    kv_blocks = (attention_blocks(length) * shape.kv_width() + kSpareRows) * kBlockRow;
    queries = shape.kv_heads * std::min(tile, length);
    positions = shape.kv_heads * length;
    // Rows of operands that are scores: blocks of keys, or blocks of the tile's queries.
    const std::int64_t over_keys = attention_blocks(length) * queries;
    const std::int64_t over_queries = attention_blocks(std::min(tile, length)) * positions;
    block_sums = 3 * over_keys * columns;
    sums = std::max({block_sums, 3 * over_queries * columns, 3 * queries * padded_columns(length)});
    scores = queries * length;
    second_digits = over_keys * kBlockRow;
    exponents = std::max(over_keys, over_queries);
    digits = exponents * kBlockRow;
    query_values = queries * shape.head_dim;
    position_values = positions * shape.head_dim;
    d_o = shape.rows() * shape.width();
    d_o_exponents = shape.rows() * shape.heads;
  }
};

}  // namespace

void AttentionArrays::reserve_forward(const AttentionShape& shape, std::int64_t tile) {
  const Sizes sizes(shape, tile);
  q.resize(sizes.q_rows);
  k.resize(sizes.kv_rows);
  v_blocks.resize(sizes.kv_blocks);
  sums.resize(sizes.sums);
  second_sums.resize(sizes.block_sums);
  scores.resize(sizes.scores);
  digits.resize(sizes.digits);
  second_digits.resize(sizes.second_digits);
  exponents.resize(sizes.exponents);
  softmax.resize(sizes.queries);
  query_bounds.resize(sizes.queries);
  query_sums.resize(sizes.query_values);
}

void AttentionArrays::reserve_both(const AttentionShape& shape, std::int64_t tile) {
  const Sizes sizes(shape, tile);
  reserve_forward(shape, tile);
  d_o.resize(sizes.q_rows);
  v.resize(sizes.kv_rows);
  q_blocks.resize(sizes.q_blocks);
  d_o_blocks.resize(sizes.q_blocks);
  k_blocks.resize(sizes.kv_blocks);
  d_scores.resize(sizes.scores);
  visible_v.resize(sizes.positions);
  dk_bounds.resize(sizes.positions);
  dv_bounds.resize(sizes.positions);
  dk_sums.resize(sizes.position_values);
  dv_sums.resize(sizes.position_values);
  d_o_digits.resize(sizes.d_o);
  d_o_exponents.resize(sizes.d_o_exponents);
}

std::int64_t attention_bytes(const AttentionShape& shape, std::int64_t tile) {
  const Sizes s(shape, tile);
  const std::int64_t int8s =
      2 * (s.q_rows + s.kv_rows + s.q_blocks + s.kv_blocks) + s.digits + s.second_digits;
  const std::int64_t words = s.sums + s.block_sums + 2 * s.scores + s.exponents + s.queries +
                             3 * s.positions + s.d_o_exponents;
  const std::int64_t wide = s.query_values + 2 * s.position_values;
  return int8s + 2 * s.d_o + 4 * words + 8 * wide +
         static_cast<std::int64_t>(sizeof(SoftmaxRowResult)) * s.queries;
}

std::int64_t attention_tile(const AttentionShape& shape, std::int64_t bytes) {
  std::int64_t tile = kLargestTile;
  while (tile > kAttentionBlock && attention_bytes(shape, tile) > bytes) tile -= kAttentionBlock;
  return tile;
}

}  // namespace repro::train
