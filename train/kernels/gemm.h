// Exact integer matrix products (docs/arithmetic.md, "dot15"): every C(m, n) is a function of the
// exact integer S(m, n) = sum over k of A(m, k) * B(n, k), so tiles, threads, instruction set and
// order of k cannot change a bit.
//
// Operands are int16 digits with |q| <= 16383; K <= 2^24 makes every S fit binary64 exactly
// (|S| < 2^52), which is how S travels from the micro-kernel to the epilogue.
//
// Ownership: views do not own. Thread rules: all functions may be called from many threads at once
// on different outputs; a call uses `parallel` for its own work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "train/kernels/parallel.h"

namespace repro::train {

// A matrix of digits [rows, depth] with element (r, k) at data[r * row_stride + k * depth_stride];
// one of the strides is 1. Transposed operands only swap the strides.
struct DigitView {
  const std::int16_t* data = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t depth_stride = 1;
};

// What becomes of S. Exactly one kind per call.
struct GemmOutput {
  enum class Kind : std::uint8_t {
    // values[m*ld + n] = rne32(S * 2^(a_exponent[m] + b_exponent[n] - 26)). S = 0, so every empty
    // row
    // (kEmptyExponent, all digits 0), gives +0; a negative value that rounds to zero gives -0.
    to_float,
    // units[m*ld + n] += rne(S * 2^(a_exponent[m] - 26 + unit)) as int64; |addend| >= limit traps:
    // Error(invalid_argument) naming the first such m and n in row-major order, the same for every
    // path and thread count; the output is then partly updated. b_exponent is not used.
    add_units,
    // blocks[m*ld + n] += rne(S * 2^(a_exponent[m] + b_exponent[n] + shift[m])) as int64 (dotB).
    // Traps as above at |addend| >= 2^62. Null exponents or shifts count as 0, here and above.
    add_blocks,
  };
  Kind kind = Kind::to_float;
  const std::int32_t* a_exponent = nullptr;
  const std::int32_t* b_exponent = nullptr;
  float* values = nullptr;
  std::int64_t* integers = nullptr;  // for add_units and add_blocks
  std::int64_t ld = 0;
  int unit = 32;                        // u: gradients count in 2^-u
  std::int64_t limit = 0;               // add_units: trap bound in units
  const std::int32_t* shift = nullptr;  // add_blocks: per row m
  // With a second digit of A (q29): S = S_hi * 2^14 + S_lo, and 14 more is taken off the exponent.
  // Then K is at most 2^11, which keeps |S| below 2^53.
  const std::int16_t* a_low = nullptr;  // same strides as A; null for q15
  // Triangular products: only n <= m + causal_offset is computed (others untouched) when causal.
  bool causal = false;
  std::int64_t causal_offset = 0;
};

// The exponent of an empty (all-zero) vector; it never enters a maximum.
inline constexpr std::int32_t kEmptyExponent = INT32_MIN;

// One way to compute S exactly. "scalar", "fp64", "avx2", "avx512", "amx", "neon".
class GemmPath {
 public:
  virtual ~GemmPath() = default;
  virtual std::string_view name() const = 0;
  // C [m, n]; A [m, k] digits, B [n, k] digits. Any m, n < 2^31, k <= 2^24, all >= 0 (k = 0 gives
  // S = 0); Error(invalid_argument) otherwise. Keeps buffers per thread: no allocation once they
  // have grown. From inside a task of `parallel` it runs serially.
  virtual void run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a,
                   const DigitView& b, const GemmOutput& output, Parallel& parallel) const = 0;
};

// Signature of a binary64 matrix product: c[m,n] = a[m,k] * b[n,k]^T, all row-major contiguous. The
// "fp64" path runs on it: LibTorch's BLAS where that part is built, plain loops otherwise. It is
// called from several threads at once on blocks of at most 128 x 128 x 1024, and should use one
// thread itself.
using DoubleGemm = void (*)(std::int64_t m, std::int64_t n, std::int64_t k, const double* a,
                            const double* b, double* c);

}  // namespace repro::train
