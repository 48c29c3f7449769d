// Linear maps on a device, as train/nn/linear.h: the same quantisation, products and traps.
// Legend: R rows (tokens of a micro-batch), I inputs, O outputs. Weights [O, I] row-major.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "train/device/products.h"
#include "train/nn/linear.h"

namespace repro::train {

// q15 of a matrix, one exponent a row and head. Kept from forward to backward.
struct DeviceQuantized {
  explicit DeviceQuantized(Device& device) : digits(device), exponents(device) {}

  DeviceArray<std::int16_t> digits;     // [rows, cols]
  DeviceArray<std::int32_t> exponents;  // [heads][rows]
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

// A weight as the two operands that it is in: of forward products [O, I], and turned [I, O] of the
// input gradient, in blocks of `block` outputs (all, but for the vocabulary).
struct DeviceWeight {
  explicit DeviceWeight(Device& device) : split(device), turned(device), exponents(device) {}

  DeviceArray<std::int8_t> split;
  DeviceArray<std::int8_t> turned;
  DeviceArray<std::int32_t> exponents;  // [O]
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;

  SplitOperand forward() const { return {split.data(), outputs, padded_depth(inputs)}; }
};

// Quantises weights [outputs, inputs] into `weight`; their digits stay in `digits` until the next
// use of it. block = 0: one block. Error(environment) for more inputs, or outputs of one block,
// than kSplitDepth.
void prepare_weight(DeviceContext& context, std::string_view tensor, const float* values,
                    std::int64_t outputs, std::int64_t inputs, std::int64_t block,
                    DeviceArray<std::int16_t>& digits, DeviceWeight& weight);

// Quantises x [rows, heads * head_dim] (ld) per row and head; a non-finite value is reported when
// the faults are looked at. Where `split` is not null, the operand A is left there too.
struct QuantizeOptions {
  std::int64_t heads = 1;
  DeviceArray<std::int8_t>* split = nullptr;
};
void quantize(DeviceContext& context, std::string_view tensor, const float* x, std::int64_t rows,
              std::int64_t cols, std::int64_t ld, DeviceQuantized& out,
              const QuantizeOptions& options = {});

// y [R, O] = x w^T with x [R, I] (packed) quantised into `digits` on the way.
void linear(DeviceContext& context, std::string_view tensor, const float* x, std::int64_t rows,
            const DeviceWeight& w, DeviceQuantized& digits, float* y);

// dx [R, I] = dy w, w's row exponents folded into dy.
void linear_input_gradient(DeviceContext& context, std::string_view tensor, const float* dy,
                           std::int64_t rows, const DeviceWeight& w, float* dx);

// Rows of a quantised matrix.
struct QuantizedRows {
  const std::int16_t* digits = nullptr;     // [rows, cols]
  const std::int32_t* exponents = nullptr;  // [rows]
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};
QuantizedRows rows_of(const DeviceQuantized& x, const RowRange& range);

// sink [O, I] += dy^T x of one group: one contraction and one rounding, x's row exponents folded
// into dy [x.rows, O] (packed).
void group_weight_gradient(DeviceContext& context, const float* dy, const QuantizedRows& x,
                           std::int64_t outputs, const GradientSink& sink);

// Group by group.
void linear_weight_gradient(DeviceContext& context, const float* dy, const DeviceQuantized& x,
                            std::int64_t outputs, std::span<const RowRange> groups,
                            const GradientSink& sink);

}  // namespace repro::train
