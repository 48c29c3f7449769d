// Exact linear maps Y = X W^T with one quantisation per tensor (docs/arithmetic.md, "Products").
// Legend: R rows (tokens of a micro-batch), I inputs, O outputs. Weights [O, I] row-major.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "train/nn/buffer.h"
#include "train/nn/context.h"

namespace repro::train {

// q15 of a matrix, one exponent per row. Kept from forward to backward.
struct Quantized {
  Buffer<std::int16_t> digits;     // [rows, cols]
  Buffer<std::int32_t> exponents;  // [rows]
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

// Quantises x [rows, cols] (ld) per row; refuses non-finite values. Threaded.
void quantize(const Context& context, std::string_view tensor, const float* x, std::int64_t rows,
              std::int64_t cols, std::int64_t ld, Quantized& out);

// Rows [begin, end) of a micro-batch that share one contraction of the weight gradient.
struct RowRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// Where gradients go: int64 units of 2^-unit.
struct GradientSink {
  std::int64_t* units = nullptr;
  int unit = 32;
  std::int64_t limit = 0;   // an addend this large traps
  std::string_view tensor;  // for messages; of several contracted together, the first
};

// Scratch of one linear map's backward; reused.
struct LinearScratch {
  Quantized dy;
  Buffer<std::int16_t> columns;
  Buffer<std::int32_t> column_exponents;
  Buffer<std::int32_t> zeros;
};

// y [R, O] = x w^T.
void linear(const Context& context, const Quantized& x, const Quantized& w, float* y,
            std::int64_t ld_y);

// dx [R, I] = dy w, w's row exponents folded into dy.
void linear_input_gradient(const Context& context, std::string_view tensor, const float* dy,
                           std::int64_t rows, const Quantized& w, float* dx,
                           LinearScratch& scratch);

// sink [O, I] += dy^T x, one contraction and one rounding per group, x's row exponents folded into
// dy. dy must be known to be finite (linear_input_gradient looks).
void linear_weight_gradient(const Context& context, const float* dy, const Quantized& x,
                            std::int64_t outputs, std::span<const RowRange> groups,
                            const GradientSink& sink, LinearScratch& scratch);

}  // namespace repro::train
