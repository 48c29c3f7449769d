// A product as docs/arithmetic.md states it, in integers alone: slow, and sharing nothing with the
// kernels that are tested against it.
#pragma once

#include <cstdint>
#include <vector>

#include "train/kernels/gemm.h"

namespace repro::train {

// The binary32 nearest to s * 2^exponent, ties to even; s = 0 gives +0.
float reference_float(std::int64_t s, std::int64_t exponent);

// rne(s * 2^exponent), saturating at +-2^62.
std::int64_t reference_integer(std::int64_t s, std::int64_t exponent);

// One product: operands, exponents and the output before it, generated from a seed.
struct GemmCase {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  GemmOutput::Kind kind = GemmOutput::Kind::to_float;
  bool a_transposed = false;  // row_stride = 1
  bool b_transposed = false;
  bool two_digits = false;
  bool causal = false;
  std::int64_t causal_offset = 0;
  // split_edges: halves of 8 bits at their bounds. one_huge: one largest digit among units.
  enum class Digits : std::uint8_t {
    uniform,
    gaussian,
    all_largest,
    alternating,
    sparse,
    split_edges,
    one_huge
  };
  Digits digits = Digits::uniform;
  std::int32_t exponent_low = -3;  // exponents of rows and columns are drawn from [low, high]
  std::int32_t exponent_high = 3;
  std::int32_t exponent_tilt = 0;  // added to those of rows, taken from those of columns
  int unit = 32;
  std::int64_t limit = std::int64_t{1} << 60;
  std::uint64_t seed = 1;
};

// The bits of every output element, the gap between rows included, which nobody may touch.
using OutputBits = std::vector<std::uint64_t>;

class GemmProblem {
 public:
  explicit GemmProblem(const GemmCase& shape);

  OutputBits expected() const;
  OutputBits computed(const GemmPath& path, Parallel& parallel) const;

 private:
  std::int64_t sum(std::int64_t m, std::int64_t n) const;
  std::int64_t exponent(std::int64_t m, std::int64_t n) const;

  GemmCase shape_;
  std::int64_t ld_;
  DigitView a_;
  DigitView b_;
  std::vector<std::int16_t> a_digits_;
  std::vector<std::int16_t> a_low_;
  std::vector<std::int16_t> b_digits_;
  std::vector<std::int32_t> a_exponent_;
  std::vector<std::int32_t> b_exponent_;
  std::vector<std::int32_t> shift_;
};

}  // namespace repro::train
