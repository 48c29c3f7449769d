// The vocabulary on a device, as train/nn/language_head.h: logits, cross-entropy with z-loss, and
// their gradients. Legend: R rows, D model width, V vocabulary.
#pragma once

#include <cstdint>
#include <span>

#include "train/device/linear.h"
#include "train/nn/language_head.h"

namespace repro::train {

// The head's weight: turned in blocks of the vocabulary, its digits kept for the targets' rows.
struct DeviceHead {
  explicit DeviceHead(Device& device) : weight(device), digits(device), max_exponent(device, 1) {}

  DeviceWeight weight;
  DeviceArray<std::int16_t> digits;  // [V, D]
  DeviceArray<std::int32_t> max_exponent;
};
void prepare_head(DeviceContext& context, std::string_view tensor, const float* values,
                  std::int64_t vocab, std::int64_t hidden, DeviceHead& head);

// The final norm's output: q15, and as operand A.
struct HeadInput {
  const DeviceQuantized& x;  // [R, D]
  const std::int8_t* split;
  const std::int32_t* targets;                 // [R] on the device; kNoTarget: none
  std::span<const std::int32_t> host_targets;  // the same
};

// Reused from call to call. `totals` are LossRowsBatch's, added to by every call.
struct DeviceHeadScratch {
  explicit DeviceHeadScratch(Device& the_device) : device(the_device) {}

  Device& device;
  DeviceArray<float> logits{device};  // one group's rows: logits, then B
  DeviceArray<CrossEntropyRowResult> results{device};
  DeviceArray<std::int32_t> bounds{device};
  DeviceArray<float> factors{device};
  DeviceArray<std::int8_t> high{device};  // B's digits in blocks
  DeviceArray<std::int8_t> low{device};
  DeviceArray<std::int32_t> block_exponents{device};
  DeviceArray<std::int64_t> blocks{device};
  DeviceArray<float> hat{device};
  DeviceArray<std::int64_t> totals{device, LossRowsBatch::kTotals};
};

// Forward only.
void head_loss(DeviceContext& context, const HeadInput& input, const DeviceHead& head, float z_loss,
               DeviceHeadScratch& scratch);

// Forward and backward of the loss summed over targets: dx [R, D] is overwritten, sink [V, D] added
// to, group by group.
void head_loss_backward(DeviceContext& context, const HeadInput& input, const DeviceHead& head,
                        float z_loss, std::span<const RowRange> groups, float* dx,
                        const GradientSink& sink, DeviceHeadScratch& scratch);

// What the calls since `totals` was last cleared add up to; waits for the device.
LossSums read_totals(const DeviceHeadScratch& scratch);

}  // namespace repro::train
