// Exact causal attention on a device, with the bits of train/nn/attention.h, which has the shapes.
// Sequence by sequence, in tiles of queries: a tile's scores of all KV heads, with one query head
// of each, are one batch of products, and so are the blocks of its dotB. Legend as there: B
// sequences, T positions, Q query heads, G KV heads, H head width.
//
// Everything is queued (device.h); nothing waits. Pointers are the device's.
// Errors: those of the device. Ownership: inputs, outputs and slots are the caller's. Thread rules:
// those of the device.
#pragma once

#include <cstdint>

#include "train/device/attention_memory.h"
#include "train/device/device.h"
#include "train/nn/attention.h"

namespace repro::train {

// q15 of a tensor [rows, heads * H], as QuantizeHeadsBatch makes it.
struct DeviceHeads {
  const std::int16_t* digits = nullptr;     // packed
  const std::int32_t* exponents = nullptr;  // [heads][rows]
};
struct DeviceAttentionInputs {
  DeviceHeads q;
  DeviceHeads k;
  DeviceHeads v;
};

class DeviceAttention {
 public:
  // Which tile (queries at once, a multiple of kAttentionBlock) decides no bit.
  DeviceAttention(Device& device, std::int64_t tile);

  // o [rows, Q * H]. *first_trap, here and below, is for a block's sum beyond int64, which the
  // bounds U exclude: kNoIndex, unless there is an error in this program.
  void forward(const AttentionShape& shape, const DeviceAttentionInputs& inputs, float* o,
               std::int64_t* first_trap);

  // o and d_o [rows, Q * H]; *first_non_finite is lowered to the first index of d_o that is not
  // finite. The gradients overlap with nothing else.
  void backward(const AttentionShape& shape, const DeviceAttentionInputs& inputs, const float* o,
                const float* d_o, const AttentionGradients& gradients,
                std::int64_t* first_non_finite, std::int64_t* first_trap);

 private:
  std::int64_t tile_;
  AttentionArrays arrays_;
};

}  // namespace repro::train
