// Arguments of kernels over many rows, where row_kernels.h has one row a call. All pointers lead to
// memory of the device that runs the kernel. Matrices are row-major; ld counts elements.
#pragma once

#include <cstdint>

#include "train/kernels/row_kernels.h"
#include "train/numerics/host_device.h"

namespace repro::train {

// What first_overflow and first_non_finite must hold before a launch, and hold after it if nothing
// was found.
inline constexpr std::int64_t kNoIndex = INT64_MAX;

// Rows of several groups (heads) that lie apart: row r is row r % rows of group r / rows. By
// default all are one group's.
struct RowGroups {
  std::int64_t rows = INT64_MAX;  // of a group
  std::int64_t stride = 0;        // from one group to the next

  REPRO_HD std::int64_t place(std::int64_t row, std::int64_t row_stride) const {
    return row / rows * stride + row % rows * row_stride;
  }
};

struct RmsNormBackwardBatch {
  RmsNormBackwardArgs rows;
  std::int64_t* first_overflow = nullptr;  // lowered to the first row * cols + column
};

// Attention scores [rows, cols], ld. Query `row % queries` sees the first `visible(row)` columns:
// one more than the query before it.
struct CausalRows {
  std::int64_t rows = 0, cols = 0, ld = 0;
  std::int64_t queries = 1;
  std::int64_t first_visible = 1;  // of query 0

  REPRO_HD std::int64_t visible(std::int64_t row) const {
    return smaller(cols, first_visible + row % queries);
  }
};

// s_j <- exp(s_j * scale - m) over the visible columns, 0 beyond them.
struct SoftmaxBatch {
  CausalRows shape;
  float* s = nullptr;
  float scale = 1;
  SoftmaxRowResult* results = nullptr;  // [rows]
};

// p and dp as AttentionBackwardRowArgs, dp 0 beyond the visible columns; D from dO's digits and O,
// of which query i of head h (row h * queries + i) lies at h * head_stride + i * ld.
struct AttentionBackwardBatch {
  CausalRows shape;
  float* p = nullptr;
  float* dp = nullptr;
  const SoftmaxRowResult* softmax = nullptr;  // [rows]
  float scale = 1;
  std::int64_t head_dim = 0;
  const std::int16_t* digits = nullptr;
  const float* o = nullptr;
  std::int64_t ld = 0, head_stride = 0;
  const std::int32_t* exponents = nullptr;  // of the digits: h * exponent_stride + i
  std::int64_t exponent_stride = 0;
};

// Rows without a target (below 0) count nothing; their logits become 0 where backward is wanted.
struct CrossEntropyBatch {
  float* logits = nullptr;  // [rows, vocab], ld
  std::int64_t rows = 0, vocab = 0, ld = 0;
  const std::int32_t* targets = nullptr;  // [rows], below vocab
  float z_loss = 0;
  bool backward = true;
  CrossEntropyRowResult* results = nullptr;  // [rows]
  // Lowered to the first row * vocab + column, in a row with a target, that is not finite; or null.
  std::int64_t* first_non_finite = nullptr;
};

// values = rne32(blocks * 2^(bound - 38)), divided by the row's softmax sum where given.
struct FinishBlocksBatch {
  const std::int64_t* blocks = nullptr;  // [rows, cols]
  std::int64_t rows = 0, cols = 0;
  const std::int32_t* bounds = nullptr;       // [rows]; kNoExponent: all blocks are 0
  const SoftmaxRowResult* softmax = nullptr;  // [rows] or null
  float* values = nullptr;                    // [rows, cols], ld
  std::int64_t ld = 0;
  RowGroups groups;  // of the values, in elements
};

// y_r += factor_r * hat of digit row index_r; rows with an index below 0 stay.
struct AddScaledBatch {
  const std::int16_t* digits = nullptr;     // [*, cols], ld_digits
  const std::int32_t* exponents = nullptr;  // of the digit rows
  std::int64_t ld_digits = 0;
  const std::int32_t* index = nullptr;  // [rows], or null: row r
  const float* factors = nullptr;       // [rows], or null: 1
  std::int64_t rows = 0, cols = 0;
  float* y = nullptr;  // [rows, cols], ld_y
  std::int64_t ld_y = 0;
};

// units[index_r] += rne(rne32(x_r * factor_r) * 2^unit); several rows may have one index.
struct AddUnitsBatch {
  const float* x = nullptr;  // [rows, cols], ld
  std::int64_t rows = 0, cols = 0, ld = 0;
  const std::int32_t* index = nullptr;  // [rows]; below 0: left out
  const float* factors = nullptr;       // [rows], or null: 1
  int unit = 32;
  std::int64_t limit = 0;
  std::int64_t* units = nullptr;           // [*, cols]
  std::int64_t* first_overflow = nullptr;  // lowered to the first row * cols + column
};

struct PeaksBatch {
  const float* x = nullptr;  // [rows, cols], ld
  std::int64_t rows = 0, cols = 0, ld = 0;
  float* max_abs = nullptr;  // [rows]
  float* sumsq = nullptr;    // [rows]
};

struct AddBatch {
  const float* a = nullptr;
  const float* b = nullptr;
  std::int64_t count = 0;
  float* sum = nullptr;  // may be a or b
};

struct SumSquaresBatch {
  const std::int64_t* values = nullptr;
  std::int64_t count = 0;
  Sum192* parts = nullptr;  // [unit_count], each overwritten
};

// *total = the sum of the parts, exactly.
struct SumPartsBatch {
  const Sum192* parts = nullptr;
  std::int64_t count = 0;
  Sum192* total = nullptr;
};

struct FindNonFiniteBatch {
  const float* x = nullptr;
  std::int64_t count = 0;
  std::int64_t* first_non_finite = nullptr;  // lowered to the first index
};

}  // namespace repro::train
