// Exact products on a device: int8 operands in, a GemmOutput filled (gemm.h), cut so that the sums
// in between fit the scratch. Everything is queued; nothing waits.
#pragma once

#include <cstdint>

#include "train/device/context.h"

namespace repro::train {

// Digits [rows, depth] as an operand of split_gemm.h, padded_depth(depth) <= kSplitDepth. Of B,
// padded_columns(rows) rows are read.
struct SplitOperand {
  const std::int8_t* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t padded = 0;
};

// int8 that an operand takes, B's extra rows included.
constexpr std::int64_t operand_size(std::int64_t rows, std::int64_t padded) {
  return padded_columns(rows) * 2 * padded;
}

// Part of a product whose depth is cut: the sums of the parts before are kept in between.
struct DepthPart {
  bool first = true;
  bool last = true;
};

// Queues the product with its sums one behind the other, from `sums` on: 3 * product.sums() of
// them.
DigitSums multiply(Device& device, DigitProduct product, std::int32_t* sums);

// C [a.rows, b.rows] as GemmPath::run. `trap`: a watch for the first m * n + n that traps.
void multiply(DeviceContext& context, const SplitOperand& a, const SplitOperand& b,
              const GemmOutput& output, std::int64_t* trap, const DepthPart& part = {});

}  // namespace repro::train
