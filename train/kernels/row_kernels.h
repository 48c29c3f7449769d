// Everything of a training step that is not a matrix product: quantisation, norms, RoPE, SwiGLU,
// softmax, cross-entropy, the optimiser. Expressions: docs/arithmetic.md; each is pointwise
// binary32 or an exact integer reduction, so no table may differ from another by a bit.
//
// A table holds one entry per operation, compiled from the same source (train/kernels/generic) once
// per instruction set. All entries are serial and work on the rows they are given; callers cut rows
// into tasks. Matrices are row-major float32 unless said; `ld` counts elements. In-place use is
// allowed only where said. Entries do not look for non-finite values except where said; callers
// scan at the documented places (find_non_finite). Legend: T tokens (rows), D model width, H head
// width, F ffn width, V vocabulary.
#pragma once

#include <cstdint>
#include <string_view>

namespace repro::train {

// q15 and q29 of rows: x [rows, cols] -> one exponent per row.
struct QuantizeRowsArgs {
  const float* x = nullptr;
  std::int64_t rows = 0, cols = 0, ld = 0;
  const std::int32_t* fold =
      nullptr;  // [cols], added to each element's exponent; kEmptyExponent drops it
  std::int16_t* digits = nullptr;  // [rows, cols], ld_digits
  std::int16_t* low = nullptr;     // second digit (q29), same layout; null for q15
  std::int64_t ld_digits = 0;
  std::int32_t* exponents = nullptr;  // [rows]; kEmptyExponent for an empty row
};

// q15 of columns: one exponent per column, over all rows given.
struct QuantizeColumnsArgs {
  const float* x = nullptr;
  std::int64_t rows = 0, cols = 0, ld = 0;
  const std::int32_t* fold = nullptr;  // [rows]
  std::int16_t* digits = nullptr;      // [rows, cols], ld_digits (not transposed)
  std::int64_t ld_digits = 0;
  std::int32_t* exponents = nullptr;  // [cols]
};

struct RmsNormArgs {
  const float* x = nullptr;     // [rows, D]
  const float* gain = nullptr;  // [D]
  std::int64_t rows = 0, cols = 0, ld_x = 0, ld_y = 0;
  float epsilon = 1e-6F;
  const float* residual = nullptr;  // y = residual + norm where given (same layout as y); may be y
  float* y = nullptr;
  float* r = nullptr;  // [rows]: 1 / sqrt(mean square + epsilon), kept for backward
};

struct RmsNormBackwardArgs {
  const float* dy = nullptr;  // [rows, D], ld_y
  const float* x = nullptr;   // [rows, D], ld_x
  const float* gain = nullptr;
  const float* r = nullptr;
  std::int64_t rows = 0, cols = 0, ld_x = 0, ld_y = 0, ld_dx = 0;
  float* dx = nullptr;                 // [rows, D], ld_dx; may be dy where ld_dx == ld_y
  std::int64_t* gain_units = nullptr;  // [D] += rne(dy * xh * 2^unit), one rounding a token
  int unit = 32;
  std::int64_t limit = 0;  // |addend| >= limit: returns the first such column, else -1
};

// Rotates, in place, each head of rows [rows, heads * H], ld; halves convention (a | b).
struct RopeArgs {
  float* x = nullptr;
  std::int64_t rows = 0, heads = 0, head_dim = 0, ld = 0;
  const float* cosines = nullptr;  // [max position, H / 2]
  const float* sines = nullptr;
  std::int64_t first_position = 0;  // of row 0; the rows are consecutive positions
  bool backward = false;
};

struct SwigluArgs {
  const float* gate_up = nullptr;  // [rows, 2F]: gate in columns [0, F), up in [F, 2F)
  std::int64_t rows = 0, ffn = 0;
  float* a = nullptr;  // [rows, F]
};
struct SwigluBackwardArgs {
  const float* gate_up = nullptr;
  const float* da = nullptr;  // [rows, F]
  std::int64_t rows = 0, ffn = 0;
  float* d_gate_up = nullptr;  // [rows, 2F]; may be gate_up
};

// One row of attention scores s [count] (already scaled) -> p_j = exp(s_j - m), in place.
struct SoftmaxRowResult {
  float max = 0;
  float sum = 0;  // L = rne32(2^-40 * sum of rne(p_j * 2^40))
};

// dS_ij = (P_ij * (dP_ij - D)) * scale with P_ij = p_ij / L.
struct AttentionBackwardRowArgs {
  float* p = nullptr;   // [count] in: p_j, out: P_j
  float* dp = nullptr;  // [count] in: dP_j, out: dS_j
  std::int64_t count = 0;
  float sum = 0, d = 0, scale = 0;
};

// One row of logits [V] -> loss and the operands of the logits' gradient (arithmetic.md section 3,
// "Logits' gradient").
struct CrossEntropyRowArgs {
  float* logits = nullptr;  // in: logits; out: B_j (0 at the target)
  std::int64_t vocab = 0;
  std::int64_t target = 0;
  float weight = 1;      // w
  float z_loss = 0;      // c
  bool backward = true;  // false: logits are left as p_j, only the sums are valid
};
struct CrossEntropyRowResult {
  // rne of ((m - l_t) + log L) + c * (z * z) in units of 2^-30, not weighted, but 0 where w = 0.
  std::int64_t loss_units = 0;
  std::int64_t ce_units = 0;  // the same without the z term
  bool correct = false;       // the target is the first maximum, and w is not 0
  float a = 0;                // factor of the target row
  float bound = 0;            // |w * (1 + z2)|, for U
  float log_sum_exp = 0;
};

struct AdamwArgs {
  float* w = nullptr;
  float* m = nullptr;
  float* v = nullptr;
  const std::int64_t* gradient = nullptr;  // G, in units of 2^-unit
  std::int64_t count = 0;
  int unit = 32;
  float normalizer = 1;  // rn32(N)
  float clip = 1;
  float beta1 = 0, one_minus_beta1 = 0, beta2 = 0, one_minus_beta2 = 0;
  float correction1 = 0, correction2 = 0;   // c1, c2
  float epsilon = 0, lr = 0, lr_decay = 0;  // lr * wd rounded once; 0 for tensors without decay
};

// Sum of squares as an exact 192-bit unsigned integer, little-endian limbs.
struct Sum192 {
  std::uint64_t limb[3] = {0, 0, 0};
};

struct RowKernels {
  std::string_view name;
  void (*quantize_rows)(const QuantizeRowsArgs&);
  void (*quantize_columns)(const QuantizeColumnsArgs&);
  void (*rms_norm)(const RmsNormArgs&);
  std::int64_t (*rms_norm_backward)(const RmsNormBackwardArgs&);
  void (*rope)(const RopeArgs&);
  void (*swiglu)(const SwigluArgs&);
  void (*swiglu_backward)(const SwigluBackwardArgs&);
  SoftmaxRowResult (*softmax_row)(float* s, std::int64_t count);
  // D = sum31 of dO^_j * O_j, dO^_j = digit_j * 2^(exponent - 13); 0 for an empty dO.
  float (*attention_d)(const std::int16_t* digits, std::int32_t exponent, const float* o,
                       std::int64_t count);
  void (*attention_backward_row)(const AttentionBackwardRowArgs&);
  CrossEntropyRowResult (*cross_entropy_row)(const CrossEntropyRowArgs&);
  // values[i] = rne32(blocks[i] * 2^(bound - 38)), divided by `divisor` where it is not 1.
  void (*finish_blocks)(const std::int64_t* blocks, std::int64_t count, std::int32_t bound,
                        float divisor, float* values);
  void (*add)(const float* a, const float* b, std::int64_t count, float* sum);  // sum may be a or b
  // y += factor * digits * 2^(exponent - 13): hat = dequantised (exact in binary32), product
  // rounded, then added.
  void (*add_scaled_digits)(const std::int16_t* digits, std::int32_t exponent, float factor,
                            std::int64_t count, float* y);
  // units[i] += rne(rne32(x[i] * factor) * 2^unit); returns the first i with |addend| >= limit,
  // else -1.
  std::int64_t (*add_units)(const float* x, float factor, std::int64_t count, int unit,
                            std::int64_t limit, std::int64_t* units);
  void (*adamw)(const AdamwArgs&);
  void (*sum_squares)(const std::int64_t* values, std::int64_t count,
                      Sum192* total);  // adds to total
  // Index of the first NaN or infinity, else -1.
  std::int64_t (*find_non_finite)(const float* x, std::int64_t count);
  // max |x| and sum31(rn(x * x)): the max/rms telemetry. NaN where an element is not finite
  // (sumsq).
  float (*max_abs)(const float* x, std::int64_t count);
  float (*sumsq)(const float* x, std::int64_t count);
};

// The scalar reference (baseline instruction set). Always there.
const RowKernels& scalar_row_kernels();
// nullptr where this CPU lacks AVX2 and FMA, or AVX-512 F, BW, VL and DQ.
const RowKernels* find_avx2_row_kernels();
const RowKernels* find_avx512_row_kernels();

}  // namespace repro::train
