#include "train/device/digit_layouts.h"

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

bool aligned(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % kSplitAlignment == 0;
}
bool aligned(std::int64_t bytes) { return bytes % kSplitAlignment == 0; }

}  // namespace

DigitLayout layout_of(const DigitProduct& product, DigitSum sum) {
  const std::int64_t half = product.padded;
  REPRO_CHECK(aligned(half) && half <= kSplitDepth);
  REPRO_CHECK(aligned(product.a_stride) && aligned(product.b_stride));
  DigitLayout layout;
  layout.x = product.b + (sum == DigitSum::high ? half : 0);
  layout.y = product.a + (sum == DigitSum::low ? half : 0);
  layout.d = sum == DigitSum::high  ? product.high
             : sum == DigitSum::low ? product.low
                                    : product.cross;
  REPRO_CHECK(aligned(layout.x) && aligned(layout.y) && aligned(layout.d));
  const std::int64_t depth = sum == DigitSum::cross ? 2 * half : half;
  const std::int64_t columns = product.ld_sums();
  layout.shape.batch = product.batch;
  layout.shape.x = {depth, columns, 2 * half, product.b_stride};
  layout.shape.y = {depth, product.m, 2 * half, product.a_stride};
  layout.shape.d = {columns, product.m, columns, product.m * columns};
  return layout;
}

}  // namespace repro::train
