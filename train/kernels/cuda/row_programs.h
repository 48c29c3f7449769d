// What the warps of a launch do, written for any group of lanes: on a GPU a warp (device_warp.cuh),
// in tests 32 lanes on the CPU, with the same bits.
//
// A Warp satisfies the contract of lanes.h, and
//   std::int64_t warp(), warps()     its index in the launch and how many there are
//   lower(std::int64_t* least, std::int64_t value)     *least = min(*least, value), beside other
//                                                      lanes and warps
//   raise(std::int32_t* most, std::int32_t value)      *most = max(*most, value), likewise
// A program is two functions of its arguments: unit_count(args), which grid.h cuts into shares, and
// run_unit(warp, args, unit), which all lanes of a warp call together. run_units(warp, args) does
// the warp's share.
#pragma once

#include "train/kernels/cuda/grid.h"
#include "train/kernels/cuda/row_batches.h"
#include "train/kernels/generic/layer_rows.h"
#include "train/kernels/generic/quantize_rows.h"
#include "train/kernels/generic/softmax_rows.h"
#include "train/kernels/generic/vector_ops.h"

namespace repro::train {

template <class Warp, class Args>
REPRO_HD void run_units(const Warp& warp, const Args& args) {
  const std::int64_t units = unit_count(args);
  for (std::int64_t unit = warp.warp(); unit < units; unit += warp.warps()) {
    run_unit(warp, args, unit);
  }
}

namespace detail {

template <class Warp>
REPRO_HD void clear_from(const Warp& warp, float* x, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin + warp.first(); i < end; i += warp.stride()) x[i] = 0;
}

template <class Warp>
REPRO_HD void report_first(const Warp& warp, std::int64_t* least, std::int64_t before,
                           std::int64_t found) {
  if (found >= 0 && warp.first() == 0) warp.lower(least, before + found);
}

}  // namespace detail

REPRO_HD std::int64_t unit_count(const RmsNormArgs& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const RmsNormArgs& args, std::int64_t row) {
  rms_norm_row(warp, args, row);
}

REPRO_HD std::int64_t unit_count(const RmsNormBackwardBatch& args) { return args.rows.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const RmsNormBackwardBatch& args, std::int64_t row) {
  const std::int64_t column = rms_norm_backward_row(warp, args.rows, row);
  detail::report_first(warp, args.first_overflow, row * args.rows.cols, column);
}

REPRO_HD std::int64_t unit_count(const RopeArgs& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const RopeArgs& args, std::int64_t row) {
  rope_row(warp, args, row);
}

REPRO_HD std::int64_t unit_count(const SwigluArgs& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const SwigluArgs& args, std::int64_t row) {
  swiglu_row(warp, args, row);
}

REPRO_HD std::int64_t unit_count(const SwigluBackwardArgs& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const SwigluBackwardArgs& args, std::int64_t row) {
  swiglu_backward_row(warp, args, row);
}

REPRO_HD std::int64_t unit_count(const SoftmaxBatch& args) { return args.shape.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const SoftmaxBatch& args, std::int64_t row) {
  float* s = args.s + row * args.shape.ld;
  const std::int64_t visible = args.shape.visible(row);
  for (std::int64_t i = warp.first(); i < visible; i += warp.stride()) s[i] *= args.scale;
  const SoftmaxRowResult result = softmax_row(warp, s, visible);
  if (warp.first() == 0) args.results[row] = result;
  detail::clear_from(warp, s, visible, args.shape.cols);
}

REPRO_HD std::int64_t unit_count(const AttentionBackwardBatch& args) { return args.shape.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const AttentionBackwardBatch& args, std::int64_t row) {
  const std::int64_t at = RowGroups{args.shape.queries, args.head_stride}.place(row, args.ld);
  const RowGroups exponents{args.shape.queries, args.exponent_stride};
  const float d = attention_d_row(warp, args.digits + at, args.exponents[exponents.place(row, 1)],
                                  args.o + at, args.head_dim);
  float* dp = args.dp + row * args.shape.ld;
  const std::int64_t visible = args.shape.visible(row);
  attention_backward_row(warp, AttentionBackwardRowArgs{args.p + row * args.shape.ld, dp, visible,
                                                        args.softmax[row].sum, d, args.scale});
  detail::clear_from(warp, dp, visible, args.shape.cols);
}

}  // namespace repro::train
