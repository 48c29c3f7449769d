#include "tests/train/kernels/gemm_reference.h"

#include <algorithm>
#include <bit>
#include <random>

namespace repro::train {
namespace {

constexpr std::int64_t kGap = 3;                   // elements between rows
constexpr std::uint32_t kUntouched = 0x7FC12345U;  // floats before the product
constexpr std::int64_t kStart = 1000;              // integers before the product

using Random = std::mt19937_64;

std::int64_t draw(Random& random, std::int64_t low, std::int64_t high) {
  const std::uint64_t span = static_cast<std::uint64_t>(high - low) + 1;
  return low + static_cast<std::int64_t>(random() % span);
}

std::int16_t draw_digit(GemmCase::Digits kind, Random& random) {
  constexpr std::int64_t kLargest = 16383;
  std::int64_t digit = 0;
  switch (kind) {
    case GemmCase::Digits::uniform:
      digit = draw(random, -kLargest, kLargest);
      break;
    case GemmCase::Digits::gaussian:  // a sum of twelve, standard deviation 4000
      for (int i = 0; i < 12; ++i) digit += draw(random, -4000, 4000);
      digit = std::clamp<std::int64_t>(digit / 2, -kLargest, kLargest);
      break;
    case GemmCase::Digits::all_largest:
      digit = kLargest;
      break;
    case GemmCase::Digits::alternating:
      digit = draw(random, 0, 1) == 0 ? kLargest : -kLargest;
      break;
    case GemmCase::Digits::sparse:
      digit = draw(random, 0, 9) == 0 ? draw(random, -3, 3) : 0;
      break;
    case GemmCase::Digits::split_edges:  // 256 * h + l with l = -128 or 127, h up to 64 in size
      digit = 256 * draw(random, -1, 1) * draw(random, 62, 64) + (draw(random, 0, 1) ? 127 : -128);
      digit = std::clamp<std::int64_t>(digit, -kLargest, kLargest);
      break;
    case GemmCase::Digits::one_huge:
      digit = draw(random, 0, 60) == 0 ? kLargest : draw(random, -1, 1);
      break;
  }
  return static_cast<std::int16_t>(digit);
}

std::vector<std::int16_t> draw_digits(std::int64_t count, GemmCase::Digits kind, Random& random) {
  std::vector<std::int16_t> digits(static_cast<std::size_t>(count));
  for (std::int16_t& digit : digits) digit = draw_digit(kind, random);
  return digits;
}

std::vector<std::int32_t> draw_exponents(std::int64_t count, const GemmCase& shape,
                                         std::int32_t tilt, Random& random) {
  std::vector<std::int32_t> exponents(static_cast<std::size_t>(count));
  for (std::int32_t& exponent : exponents) {
    exponent =
        tilt + static_cast<std::int32_t>(draw(random, shape.exponent_low, shape.exponent_high));
  }
  return exponents;
}

// Clears row `row` and marks it as empty.
void make_empty(const DigitView& view, std::vector<std::int16_t>& digits, std::int64_t row,
                std::int64_t depth, std::vector<std::int32_t>& exponents) {
  for (std::int64_t d = 0; d < depth; ++d) {
    digits[static_cast<std::size_t>(row * view.row_stride + d * view.depth_stride)] = 0;
  }
  exponents[static_cast<std::size_t>(row)] = kEmptyExponent;
}

// The largest shift that matters: s has at most 53 bits.
std::uint64_t shifted_right(std::uint64_t s, std::int64_t shift) {
  if (shift <= 0) return s;
  if (shift > 62) return 0;
  const std::uint64_t half = std::uint64_t{1} << (shift - 1);
  const std::uint64_t rest = s & (2 * half - 1);
  const std::uint64_t whole = s >> shift;
  const bool up = rest > half || (rest == half && (whole & 1) == 1);
  return whole + (up ? 1 : 0);
}

}  // namespace

float reference_float(std::int64_t s, std::int64_t exponent) {
  if (s == 0) return 0;
  const std::uint32_t sign = s < 0 ? 0x80000000U : 0;
  std::uint64_t size = static_cast<std::uint64_t>(s < 0 ? -s : s);
  const std::int64_t bits = std::bit_width(size);
  // 24 bits are kept, fewer below 2^-126: the last one weighs 2^-149 or more.
  const std::int64_t drop = std::max(bits - 24, -149 - exponent);
  size = shifted_right(size, drop);
  const std::int64_t weight = exponent + std::max<std::int64_t>(drop, 0);
  if (size == 0) return std::bit_cast<float>(sign);
  // size * 2^weight with at most 24 bits (or exactly 2^24 after a carry): assemble the fields.
  const std::int64_t top = std::bit_width(size) - 1 + weight;
  if (top > 127) return std::bit_cast<float>(sign | 0x7F800000U);
  if (top < -126) {
    const std::uint64_t field = size << (weight + 149);
    return std::bit_cast<float>(sign | static_cast<std::uint32_t>(field));
  }
  const std::int64_t width = std::bit_width(size);
  const std::uint64_t mantissa = width <= 24 ? size << (24 - width) : size >> (width - 24);
  const std::uint32_t field = static_cast<std::uint32_t>(top + 127) << 23;
  return std::bit_cast<float>(sign | field | (static_cast<std::uint32_t>(mantissa) & 0x7FFFFFU));
}

std::int64_t reference_integer(std::int64_t s, std::int64_t exponent) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  if (s == 0) return 0;
  const std::uint64_t size = static_cast<std::uint64_t>(s < 0 ? -s : s);
  std::uint64_t result = kMost;
  if (exponent <= 0) {
    result = shifted_right(size, -exponent);
  } else if (exponent < 62 && size < (kMost >> exponent)) {
    result = size << exponent;
  }
  return s < 0 ? -static_cast<std::int64_t>(result) : static_cast<std::int64_t>(result);
}

GemmProblem::GemmProblem(const GemmCase& shape) : shape_(shape), ld_(shape.n + kGap) {
  Random random(shape.seed);
  a_digits_ = draw_digits(shape.m * shape.k, shape.digits, random);
  b_digits_ = draw_digits(shape.n * shape.k, shape.digits, random);
  a_low_ = draw_digits(shape.two_digits ? shape.m * shape.k : 0, shape.digits, random);
  a_exponent_ = draw_exponents(shape.m, shape, shape.exponent_tilt, random);
  b_exponent_ = draw_exponents(shape.n, shape, -shape.exponent_tilt, random);
  shift_ = draw_exponents(shape.m, shape, 0, random);
  a_ = {a_digits_.data(), shape.a_transposed ? 1 : shape.k, shape.a_transposed ? shape.m : 1};
  b_ = {b_digits_.data(), shape.b_transposed ? 1 : shape.k, shape.b_transposed ? shape.n : 1};
  if (shape.m > 2 && !shape.two_digits) make_empty(a_, a_digits_, 1, shape.k, a_exponent_);
  if (shape.n > 3 && shape.kind != GemmOutput::Kind::add_units) {
    make_empty(b_, b_digits_, 2, shape.k, b_exponent_);
  }
}

std::int64_t GemmProblem::sum(std::int64_t m, std::int64_t n) const {
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < shape_.k; ++k) {
    const std::int64_t a = m * a_.row_stride + k * a_.depth_stride;
    const std::int64_t b = b_.data[n * b_.row_stride + k * b_.depth_stride];
    sum += a_.data[a] * b * (shape_.two_digits ? 1 << 14 : 1);
    if (shape_.two_digits) sum += a_low_[static_cast<std::size_t>(a)] * b;
  }
  return sum;
}

std::int64_t GemmProblem::exponent(std::int64_t m, std::int64_t n) const {
  const auto row = static_cast<std::size_t>(m);
  const std::int64_t a = a_exponent_[row] - (shape_.two_digits ? 14 : 0);
  const std::int64_t b = b_exponent_[static_cast<std::size_t>(n)];
  switch (shape_.kind) {
    case GemmOutput::Kind::to_float:
      return a + b - 26;
    case GemmOutput::Kind::add_units:
      return a - 26 + shape_.unit;
    case GemmOutput::Kind::add_blocks:
      break;
  }
  return a + b + shift_[row];
}

OutputBits GemmProblem::expected() const {
  const bool floats = shape_.kind == GemmOutput::Kind::to_float;
  OutputBits bits(static_cast<std::size_t>(shape_.m * ld_),
                  floats ? kUntouched : static_cast<std::uint64_t>(kStart));
  for (std::int64_t m = 0; m < shape_.m; ++m) {
    for (std::int64_t n = 0; n < shape_.n; ++n) {
      if (shape_.causal && n > m + shape_.causal_offset) continue;
      std::uint64_t& out = bits[static_cast<std::size_t>(m * ld_ + n)];
      if (floats) {
        out = std::bit_cast<std::uint32_t>(reference_float(sum(m, n), exponent(m, n)));
      } else {
        out += static_cast<std::uint64_t>(reference_integer(sum(m, n), exponent(m, n)));
      }
    }
  }
  return bits;
}

OutputBits GemmProblem::computed(const GemmPath& path, Parallel& parallel) const {
  const auto size = static_cast<std::size_t>(shape_.m * ld_);
  const bool floats = shape_.kind == GemmOutput::Kind::to_float;
  std::vector<float> values(floats ? size : 0, std::bit_cast<float>(kUntouched));
  std::vector<std::int64_t> integers(floats ? 0 : size, kStart);
  GemmOutput output;
  output.kind = shape_.kind;
  output.a_exponent = a_exponent_.data();
  output.b_exponent = b_exponent_.data();
  output.values = values.data();
  output.integers = integers.data();
  output.ld = ld_;
  output.unit = shape_.unit;
  output.limit = shape_.limit;
  output.shift = shift_.data();
  output.a_low = shape_.two_digits ? a_low_.data() : nullptr;
  output.causal = shape_.causal;
  output.causal_offset = shape_.causal_offset;
  path.run(shape_.m, shape_.n, shape_.k, a_, b_, output, parallel);
  OutputBits bits(size);
  for (std::size_t i = 0; i < size; ++i) {
    bits[i] =
        floats ? std::bit_cast<std::uint32_t>(values[i]) : static_cast<std::uint64_t>(integers[i]);
  }
  return bits;
}

}  // namespace repro::train
