// Memory of attention on a device (attention.h), and the tile that fits into what there is. Legend
// as in train/nn/attention.h.
#pragma once

#include <cstdint>

#include "train/device/array.h"
#include "train/nn/attention.h"

namespace repro::train {

// A row of an operand in blocks: two int8 a position.
inline constexpr std::int64_t kBlockRow = 2 * padded_depth(kAttentionBlock);

constexpr std::int64_t attention_blocks(std::int64_t positions) {
  return (positions + kAttentionBlock - 1) / kAttentionBlock;
}

// Where one tile's and one sequence's work lies. Operands of products are as split_gemm.h says;
// sizes stand in attention_memory.cc.
struct AttentionArrays {
  explicit AttentionArrays(Device& the_device) : device(the_device) {}
  // Room for tiles of so many queries: for forward, and for both directions.
  void reserve_forward(const AttentionShape& shape, std::int64_t tile);
  void reserve_both(const AttentionShape& shape, std::int64_t tile);

  Device& device;
  // Operands over H: [heads][T, 2 * padded H].
  DeviceArray<std::int8_t> q{device}, k{device}, v{device}, d_o{device};
  // Operands over positions: [blocks][heads][H, kBlockRow].
  DeviceArray<std::int8_t> q_blocks{device}, k_blocks{device}, v_blocks{device};
  DeviceArray<std::int8_t> d_o_blocks{device};
  // Scores as operands, [blocks][G][queries or keys, kBlockRow], and their exponents.
  DeviceArray<std::int8_t> digits{device}, second_digits{device};
  DeviceArray<std::int32_t> exponents{device};
  DeviceArray<std::int32_t> sums{device}, second_sums{device};
  DeviceArray<float> scores{device}, d_scores{device};  // [G][queries][keys]: s, p, P; dP, dS
  DeviceArray<SoftmaxRowResult> softmax{device};        // [G][queries]
  DeviceArray<std::int32_t> query_bounds{device};       // [G][queries]
  DeviceArray<std::int64_t> query_sums{device};         // [G][queries][H]
  DeviceArray<std::int32_t> visible_v{device}, dk_bounds{device}, dv_bounds{device};  // [G][T]
  DeviceArray<std::int64_t> dk_sums{device}, dv_sums{device};                         // [G][T][H]
  DeviceArray<std::int16_t> d_o_digits{device};     // [rows, Q * H]
  DeviceArray<std::int32_t> d_o_exponents{device};  // [Q][rows]
};

// Bytes that a DeviceAttention with this tile holds after both directions.
std::int64_t attention_bytes(const AttentionShape& shape, std::int64_t tile);

// The largest tile whose attention_bytes are within `bytes`; kAttentionBlock where none is. At most
// 512, since larger ones would spend much on what lies above the diagonal.
std::int64_t attention_tile(const AttentionShape& shape, std::int64_t bytes);

}  // namespace repro::train
