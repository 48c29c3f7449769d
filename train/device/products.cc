#include "train/device/products.h"

#include <algorithm>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

constexpr std::int64_t kSums = 3;  // high, cross, low

// Rows [begin, ...) of the output.
GemmOutput rows_from(GemmOutput output, std::int64_t begin) {
  if (output.a_exponent != nullptr) output.a_exponent += begin;
  if (output.shift != nullptr) output.shift += begin;
  if (output.values != nullptr) output.values += begin * output.ld;
  if (output.integers != nullptr) output.integers += begin * output.ld;
  return output;
}

}  // namespace

DigitSums multiply(Device& device, DigitProduct product, std::int32_t* sums) {
  product.high = sums;
  product.cross = product.high + product.sums();
  product.low = product.cross + product.sums();
  device.multiply(product);
  return {product.high, product.cross, product.low};
}

void multiply(DeviceContext& context, const SplitOperand& a, const SplitOperand& b,
              const GemmOutput& output, std::int64_t* trap, const DepthPart& part) {
  REPRO_CHECK(a.padded == b.padded && !output.causal && output.a_low == nullptr);
  DeviceScratch& scratch = context.scratch;
  const std::int64_t ld = padded_columns(b.rows);
  const std::int64_t row_bytes = kSums * ld * static_cast<std::int64_t>(sizeof(std::int32_t));
  const std::int64_t tile = std::clamp<std::int64_t>(scratch.product_bytes / row_bytes, 1,
                                                     std::max<std::int64_t>(a.rows, 1));
  scratch.sums.resize(kSums * tile * ld);
  const bool kept = !(part.first && part.last);
  if (kept) scratch.part_sums.resize(a.rows * b.rows);
  for (std::int64_t begin = 0; begin < a.rows; begin += tile) {
    DigitProduct product;
    product.m = std::min(tile, a.rows - begin);
    product.n = b.rows;
    product.padded = a.padded;
    product.a = a.data + begin * 2 * a.padded;
    product.b = b.data;
    JoinBatch join;
    join.products = multiply(context.device, product, scratch.sums.data());
    join.rows = product.m;
    join.cols = product.n;
    join.ld_sums = ld;
    join.first = part.first;
    join.last = part.last;
    join.sums = kept ? scratch.part_sums.data() + begin * b.rows : nullptr;
    join.output = rows_from(output, begin);
    join.first_row = begin;
    join.first_trap = trap;
    context.device.run(join);
  }
}

}  // namespace repro::train
