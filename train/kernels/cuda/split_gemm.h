// Exact products by int8 digits: the layout of the digits, and the programs around three int8
// products (row_programs.h says how programs run). The products themselves are those of any library
// that multiplies int8 exactly into int32.
//
// An operand [rows, depth] becomes int8 [rows, 2 * padded]. A's rows hold all highs, then all lows;
// B's rows all lows, then all highs. So with ld = 2 * padded, K-major operands and one depth:
//
//   high  = A[:, 0 .. padded) . B[:, padded .. 2 padded)        sum of h h'
//   low   = A[:, padded .. 2 padded) . B[:, 0 .. padded)        sum of l l'
//   cross = A[:, 0 .. 2 padded) . B[:, 0 .. 2 padded)           sum of h l' + l h', in one product
//
// and join_sums gives S. A depth above kSplitDepth is cut into parts that add up in int64, and so
// is a second digit of A (q29).
#pragma once

#include "train/kernels/cuda/row_programs.h"
#include "train/kernels/generic/product_sums.h"
#include "train/numerics/split_digits.h"

namespace repro::train {

// IMMA's operands: multiples of 16 bytes. The padding is 0, which is exact.
inline constexpr std::int64_t kSplitAlignment = 16;
REPRO_HD constexpr std::int64_t padded_depth(std::int64_t depth) {
  return (depth + kSplitAlignment - 1) / kSplitAlignment * kSplitAlignment;
}

// B's rows, and so the columns of the sums, are rounded up to this: what cuBLASLt asks of them.
REPRO_HD constexpr std::int64_t padded_columns(std::int64_t columns) {
  return (columns + kSplitAlignment - 1) / kSplitAlignment * kSplitAlignment;
}

namespace detail {

template <class Warp>
REPRO_HD void split_row(const Warp& warp, const std::int16_t* digits, std::int64_t depth,
                        bool low_first, std::int8_t* split) {
  const std::int64_t padded = padded_depth(depth);
  std::int8_t* high = split + (low_first ? padded : 0);
  std::int8_t* low = split + (low_first ? 0 : padded);
  for (std::int64_t i = warp.first(); i < padded; i += warp.stride()) {
    SplitDigit digit;
    if (i < depth) digit = split_digit(digits[i]);
    high[i] = digit.high;
    low[i] = digit.low;
  }
}

}  // namespace detail

// The three sums of an element of a product; more matrices may lie one behind the other.
struct DigitSums {
  const std::int32_t* high = nullptr;  // [rows, cols], ld
  const std::int32_t* cross = nullptr;
  const std::int32_t* low = nullptr;

  REPRO_HD std::int64_t at(std::int64_t index) const {
    return join_sums(high[index], cross[index], low[index]);
  }
};

// sums = factor * (the joined sums) + the old sums; the last part also puts the total into the
// output.
struct JoinBatch {
  DigitSums products;  // [rows, cols], ld_sums
  std::int64_t rows = 0, cols = 0, ld_sums = 0;
  std::int64_t factor = 1;  // 2^14 for the first digit of q29
  bool first = true, last = true;
  std::int64_t* sums = nullptr;        // [rows, cols]; not used where a part is first and last
  GemmOutput output;                   // its pointers are the device's
  std::int64_t first_row = 0;          // of these rows, where they are part of a matrix: for traps
  std::int64_t* first_trap = nullptr;  // lowered to the first (first_row + m) * cols + n
};

REPRO_HD std::int64_t unit_count(const JoinBatch& args) { return args.rows; }
template <class Warp>
REPRO_HD void run_unit(const Warp& warp, const JoinBatch& args, std::int64_t m) {
  const std::int64_t visible = visible_columns(args.output, m, args.cols);
  for (std::int64_t n = warp.first(); n < visible; n += warp.stride()) {
    const std::int64_t from = m * args.ld_sums + n;
    const std::int64_t at = m * args.cols + n;
    std::int64_t s = args.factor * args.products.at(from);
    if (!args.first) s += args.sums[at];
    if (!args.last) {
      args.sums[at] = s;
    } else if (!put_sum(args.output, m, n, static_cast<double>(s))) {
      warp.lower(args.first_trap, args.first_row * args.cols + at);
    }
  }
}

}  // namespace repro::train
