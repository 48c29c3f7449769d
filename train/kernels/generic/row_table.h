// The table of row kernels of one instruction set: included by exactly one source per set, which is
// compiled with that set's flags. Everything is local to that source, so the linker cannot mix the
// sets.
#pragma once

#define REPRO_ROW_TABLE  // see REPRO_INDEPENDENT_LOOP

#include "train/kernels/generic/layer_rows.h"
#include "train/kernels/generic/quantize_rows.h"
#include "train/kernels/generic/softmax_rows.h"
#include "train/kernels/generic/vector_ops.h"
#include "train/kernels/row_kernels.h"

namespace repro::train {
namespace {

constexpr SingleLane kLane;

void table_quantize_rows(const QuantizeRowsArgs& args) {
  for (std::int64_t row = 0; row < args.rows; ++row) quantize_row(kLane, args, row);
}
void table_quantize_columns(const QuantizeColumnsArgs& args) { quantize_columns(kLane, args); }
void table_rms_norm(const RmsNormArgs& args) {
  for (std::int64_t row = 0; row < args.rows; ++row) rms_norm_row(kLane, args, row);
}
std::int64_t table_rms_norm_backward(const RmsNormBackwardArgs& args) {
  std::int64_t overflow = -1;
  for (std::int64_t row = 0; row < args.rows; ++row) {
    const std::int64_t column = rms_norm_backward_row(kLane, args, row);
    if (overflow < 0) overflow = column;
  }
  return overflow;
}
void table_rope(const RopeArgs& args) {
  for (std::int64_t row = 0; row < args.rows; ++row) rope_row(kLane, args, row);
}
void table_swiglu(const SwigluArgs& args) {
  for (std::int64_t row = 0; row < args.rows; ++row) swiglu_row(kLane, args, row);
}
void table_swiglu_backward(const SwigluBackwardArgs& args) {
  for (std::int64_t row = 0; row < args.rows; ++row) swiglu_backward_row(kLane, args, row);
}
SoftmaxRowResult table_softmax_row(float* s, std::int64_t count) {
  return softmax_row(kLane, s, count);
}
float table_attention_d(const std::int16_t* digits, std::int32_t exponent, const float* o,
                        std::int64_t count) {
  return attention_d_row(kLane, digits, exponent, o, count);
}
void table_attention_backward_row(const AttentionBackwardRowArgs& args) {
  attention_backward_row(kLane, args);
}
CrossEntropyRowResult table_cross_entropy_row(const CrossEntropyRowArgs& args) {
  return cross_entropy_row(kLane, args);
}
void table_finish_blocks(const std::int64_t* blocks, std::int64_t count, std::int32_t bound,
                         float divisor, float* values) {
  finish_blocks(kLane, blocks, count, bound, divisor, values);
}
void table_add(const float* a, const float* b, std::int64_t count, float* sum) {
  add_vectors(kLane, a, b, count, sum);
}
void table_add_scaled_digits(const std::int16_t* digits, std::int32_t exponent, float factor,
                             std::int64_t count, float* y) {
  add_scaled_digits(kLane, digits, exponent, factor, count, y);
}
std::int64_t table_add_units(const float* x, float factor, std::int64_t count, int unit,
                             std::int64_t limit, std::int64_t* units) {
  return add_units(kLane, x, factor, count, unit, limit, units);
}
void table_adamw(const AdamwArgs& args) { adamw(kLane, args); }
void table_sum_squares(const std::int64_t* values, std::int64_t count, Sum192* total) {
  sum_squares(kLane, values, count, total);
}
std::int64_t table_find_non_finite(const float* x, std::int64_t count) {
  return find_non_finite(kLane, x, count);
}
float table_max_abs(const float* x, std::int64_t count) {
  return from_bits(max_abs_bits(kLane, x, count));
}
float table_sumsq(const float* x, std::int64_t count) { return sum_of_squares31(kLane, x, count); }

constexpr RowKernels make_row_table(std::string_view name) {
  return {.name = name,
          .quantize_rows = table_quantize_rows,
          .quantize_columns = table_quantize_columns,
          .rms_norm = table_rms_norm,
          .rms_norm_backward = table_rms_norm_backward,
          .rope = table_rope,
          .swiglu = table_swiglu,
          .swiglu_backward = table_swiglu_backward,
          .softmax_row = table_softmax_row,
          .attention_d = table_attention_d,
          .attention_backward_row = table_attention_backward_row,
          .cross_entropy_row = table_cross_entropy_row,
          .finish_blocks = table_finish_blocks,
          .add = table_add,
          .add_scaled_digits = table_add_scaled_digits,
          .add_units = table_add_units,
          .adamw = table_adamw,
          .sum_squares = table_sum_squares,
          .find_non_finite = table_find_non_finite,
          .max_abs = table_max_abs,
          .sumsq = table_sumsq};
}

}  // namespace
}  // namespace repro::train
