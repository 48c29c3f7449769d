// A product of digits as cuBLASLt is asked for it. Matrices there are column-major, and int8
// products exist in one form only, D = transpose(X) * Y. A row-major matrix read column by column
// is its transpose: so X is our B, Y our A, D our sums.
#pragma once

#include <compare>
#include <cstdint>

#include "train/device/device.h"

namespace repro::train {

enum class DigitSum : std::uint8_t { high, cross, low };

// [rows, cols], column c at c * ld; one of a batch to the next: `stride` (0: shared). In elements.
struct ColumnMajor {
  std::int64_t rows = 0, cols = 0, ld = 0, stride = 0;
  auto operator<=>(const ColumnMajor&) const = default;
};

// All that decides which algorithm a library takes.
struct ProductShape {
  std::int64_t batch = 1;
  ColumnMajor x;  // [depth, columns of the sums]
  ColumnMajor y;  // [depth, rows of the sums]
  ColumnMajor d;  // [columns, rows]
  auto operator<=>(const ProductShape&) const = default;
};

struct DigitLayout {
  ProductShape shape;
  const std::int8_t* x = nullptr;
  const std::int8_t* y = nullptr;
  std::int32_t* d = nullptr;
};

// Requires (REPRO_CHECK) what IMMA asks for: depth and addresses in multiples of 16 bytes, and a
// depth that no sum overflows at (kSplitDepth).
DigitLayout layout_of(const DigitProduct& product, DigitSum sum);

}  // namespace repro::train
