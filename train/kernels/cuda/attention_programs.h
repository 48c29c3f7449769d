// What attention needs between its products, softmax and quantisation: scores from sums, and the
// bounds U of its dotB (docs/arithmetic.md, "Attention"). Written as row_programs.h says. A head of
// queries is row r / queries of a batch; "stride" leads from one head to the next.
#pragma once

#include "train/kernels/cuda/block_programs.h"

namespace repro::train {

// values = dot15 of query rows with key rows, on and below the diagonal; beyond it they stay.
struct JoinScoresBatch {
  DigitSums sums;  // [rows, cols], ld_sums
  std::int64_t ld_sums = 0;
  CausalRows shape;
  const std::int32_t* query_exponents = nullptr;  // query i of head h: h * query_stride + i
  std::int64_t query_stride = 0;
  const std::int32_t* key_exponents = nullptr;  // key j of head h: h * key_stride + j
  std::int64_t key_stride = 0;
  float* values = nullptr;  // [rows, cols], shape.ld
};

REPRO_HD std::int64_t unit_count(const JoinScoresBatch& args) { return args.shape.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const JoinScoresBatch& args, std::int64_t row) {
  const std::int64_t head = row / args.shape.queries;
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = args.query_exponents + head * args.query_stride + row % args.shape.queries;
  output.b_exponent = args.key_exponents + head * args.key_stride;
  output.values = args.values + row * args.shape.ld;
  const std::int64_t visible = args.shape.visible(row);
  for (std::int64_t n = warp.first(); n < visible; n += warp.stride()) {
    put_sum(output, 0, n, static_cast<double>(args.sums.at(row * args.ld_sums + n)));
  }
}

namespace detail {

// The maximum of the first `count` exponents, kNoExponent for none; given to all lanes.
template <class Warp>
REPRO_HD std::int32_t largest_exponent(const Warp& warp, const std::int32_t* exponents,
                                       std::int64_t count) {
  std::int32_t most = kNoExponent;
  for (std::int64_t i = warp.first(); i < count; i += warp.stride()) {
    most = larger(most, exponents[i]);
  }
  return warp.max(most);
}

}  // namespace detail

// U of the output, UV: maxima[head][i] = the maximum of exponents[head][0 ... first + i].
struct VisibleMaximaBatch {
  const std::int32_t* exponents = nullptr;  // [heads][positions], stride
  std::int64_t stride = 0;
  std::int64_t heads = 0, queries = 0, first = 0;
  std::int32_t* maxima = nullptr;  // [heads][queries]
};

REPRO_HD std::int64_t unit_count(const VisibleMaximaBatch& args) {
  return args.heads * args.queries;
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const VisibleMaximaBatch& args, std::int64_t row) {
  const std::int32_t most = detail::largest_exponent(
      warp, args.exponents + row / args.queries * args.stride, args.first + row % args.queries + 1);
  if (warp.first() == 0) args.maxima[row] = most;
}

// U of dQ: ed_i + UV_i + max of ek_j over j <= i, + growth; none where a part is none.
struct QueryBoundsBatch {
  std::int64_t heads = 0, queries = 0, first = 0;
  const std::int32_t* d_o_exponents = nullptr;  // query i of head h: h * d_o_stride + i
  std::int64_t d_o_stride = 0;
  const std::int32_t* visible_v = nullptr;  // UV of query i of head h: h * v_stride + i
  std::int64_t v_stride = 0;
  const std::int32_t* k_exponents = nullptr;  // [heads][positions], k_stride
  std::int64_t k_stride = 0;
  std::int32_t growth = 0;         // G + 1
  std::int32_t* bounds = nullptr;  // [heads][queries]
};

REPRO_HD std::int64_t unit_count(const QueryBoundsBatch& args) { return args.heads * args.queries; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const QueryBoundsBatch& args, std::int64_t row) {
  const std::int64_t head = row / args.queries;
  const std::int64_t query = row % args.queries;
  const std::int32_t visible_k = detail::largest_exponent(
      warp, args.k_exponents + head * args.k_stride, args.first + query + 1);
  const std::int32_t ds = add_exponents(args.d_o_exponents[head * args.d_o_stride + query],
                                        args.visible_v[head * args.v_stride + query]);
  if (warp.first() == 0) {
    args.bounds[row] = add_exponents(add_exponents(ds, visible_k), args.growth);
  }
}

// U of dV: the maximum of ed_i, and of dK: that of (ed_i + UV_i + eq_i) + growth; over the query
// heads that share a KV head and i >= j.
struct KeyBoundsBatch {
  const std::int32_t* d_o_exponents = nullptr;  // [kv_heads][group][positions], stride
  const std::int32_t* q_exponents = nullptr;    // likewise
  std::int64_t stride = 0;
  const std::int32_t* visible_v = nullptr;  // [kv_heads][positions]
  std::int64_t kv_heads = 0, group = 0, positions = 0;
  std::int32_t growth = 0;            // G + 1
  std::int32_t* dv_bounds = nullptr;  // [kv_heads][positions]
  std::int32_t* dk_bounds = nullptr;
};

REPRO_HD std::int64_t unit_count(const KeyBoundsBatch& args) {
  return args.kv_heads * args.positions;
}
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const KeyBoundsBatch& args, std::int64_t row) {
  const std::int64_t kv_head = row / args.positions;
  const std::int32_t* visible_v = args.visible_v + kv_head * args.positions;
  std::int32_t most_dv = kNoExponent;
  std::int32_t most_dk = kNoExponent;
  for (std::int64_t h = kv_head * args.group; h < (kv_head + 1) * args.group; ++h) {
    const std::int32_t* ed = args.d_o_exponents + h * args.stride;
    const std::int32_t* eq = args.q_exponents + h * args.stride;
    for (std::int64_t i = row % args.positions + warp.first(); i < args.positions;
         i += warp.stride()) {
      most_dv = larger(most_dv, ed[i]);
      most_dk = larger(most_dk, add_exponents(add_exponents(ed[i], visible_v[i]), eq[i]));
    }
  }
  most_dv = warp.max(most_dv);
  most_dk = add_exponents(warp.max(most_dk), args.growth);
  if (warp.first() == 0) {
    args.dv_bounds[row] = most_dv;
    args.dk_bounds[row] = most_dk;
  }
}

}  // namespace repro::train
