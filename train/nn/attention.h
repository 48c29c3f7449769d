// Exact causal attention with grouped KV heads (docs/arithmetic.md, "Attention").
//
// Scores are dot15; the probabilities times V, and all three gradients, are dotB in blocks of 128
// positions aligned at the sequence's position 0, so neither the tile nor the padding nor the batch
// can change a bit. Probabilities are recomputed in backward; nothing of size T x T outlives a
// task. Legend: B sequences, T positions, Q query heads, G KV heads, H head width.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/nn/buffer.h"
#include "train/nn/context.h"

namespace repro::train {

inline constexpr std::int64_t kAttentionBlock = 128;  // B of dotB, positions

struct AttentionShape {
  std::int64_t sequences = 0;  // B
  std::int64_t length = 0;     // T
  std::int64_t heads = 0;      // Q
  std::int64_t kv_heads = 0;   // G, divides Q
  std::int64_t head_dim = 0;   // H
  // [rows] Position in its sequence where each row's document begins; no row sees keys before it.
  // Empty: at 0. The caller's; ascending in a sequence, and a document begins at its own position.
  std::span<const std::int32_t> begins = {};

  std::int64_t rows() const { return sequences * length; }
  std::int64_t width() const { return heads * head_dim; }
  std::int64_t kv_width() const { return kv_heads * head_dim; }
};

// Rows [row, row + count) of a batch hold positions [first, first + count) of one sequence.
struct PositionRange {
  std::int64_t row = 0;
  std::int64_t first = 0;
  std::int64_t count = 0;
};
// Every sequence from its position 0 to its end.
std::vector<PositionRange> whole_sequences(const AttentionShape& shape);

// q15 of [rows, heads * H] with an exponent per token and head.
struct HeadDigits {
  Buffer<std::int16_t> digits;     // [rows, heads * H]
  Buffer<std::int32_t> exponents;  // [heads][rows]
};

// x [rows, heads * H] with leading dimension `ld`. Refuses non-finite values.
void quantize_heads(const Context& context, std::string_view tensor, const float* x,
                    std::int64_t rows, std::int64_t heads, std::int64_t head_dim, std::int64_t ld,
                    HeadDigits& out);

// The digits of one sequence, from position `first` on, wherever they lie.
struct HeadRows {
  const std::int16_t* digits = nullptr;     // [positions, heads * H], leading dimension ld
  const std::int32_t* exponents = nullptr;  // [heads][positions], `stride` from head to head
  std::int64_t ld = 0;
  std::int64_t stride = 0;
  std::int64_t first = 0;
};

// Queries at positions [first, first + count) of one sequence; each sees the keys from where its
// document begins up to its own.
struct AttentionSpan {
  std::int64_t first = 0;
  std::int64_t count = 0;
  HeadRows q;  // covers [first, first + count)
  HeadRows k;  // k and v cover [0, first + count)
  HeadRows v;
  float* o = nullptr;                    // [count, Q * H]
  const std::int32_t* begins = nullptr;  // of positions [0, first + count); null: all 0
};

// Which queries share a call, and where a sequence is cut into calls, cannot change a bit. Of the
// shape only the heads are looked at.
void attention(const Context& context, const AttentionShape& shape,
               std::span<const AttentionSpan> spans);

// 1 / sqrt(H), both operations rounded to binary32.
float attention_scale(std::int64_t head_dim);
// G + 1 = ceil(log2(H) / 2) + 1: how far a bound of dQ and dK lies above its exponents.
std::int32_t attention_growth(std::int64_t head_dim);

// What forward leaves for backward, besides the output.
struct AttentionInputs {
  HeadDigits q;
  HeadDigits k;
  HeadDigits v;
};

// Whole sequences; o [rows, Q * H].
void attention(const Context& context, const AttentionShape& shape, const AttentionInputs& inputs,
               float* o);

struct AttentionScratch {
  HeadDigits d_o;
  Buffer<std::int64_t> dk_blocks;  // [rows, G * H]
  Buffer<std::int64_t> dv_blocks;
  Buffer<std::int32_t> dk_bounds;  // [G][rows]
  Buffer<std::int32_t> dv_bounds;
};

// Gradients of q, k (after RoPE) and v; each [rows, heads * H] with its own leading dimension.
struct AttentionGradients {
  float* dq = nullptr;
  std::int64_t ld_q = 0;
  float* dk = nullptr;
  std::int64_t ld_k = 0;
  float* dv = nullptr;
  std::int64_t ld_v = 0;
};
void attention_backward(const Context& context, const AttentionShape& shape,
                        const AttentionInputs& inputs, const float* o, const float* d_o,
                        const AttentionGradients& gradients, AttentionScratch& scratch);

}  // namespace repro::train
