// q15 and q29 of rows and columns (row_kernels.h, docs/arithmetic.md "Quantisation").
#pragma once

#include "train/kernels/generic/lanes.h"
#include "train/kernels/row_kernels.h"
#include "train/numerics/quantize.h"

namespace repro::train {

// Stands for an empty operand where exponents are added: far below any real one, far from overflow.
inline constexpr std::int32_t kFarBelow = -(1 << 20);

namespace detail {

// Below every element that counts. Not INT32_MIN: compilers see that it is max's identity and then
// no longer the maximum they could vectorise.
inline constexpr std::int32_t kDropped = -(1 << 24);

// The exponent of one element, its fold added; kDropped where it does not count.
REPRO_HD std::int32_t element_exponent(float x, std::int32_t fold) {
  const bool counts = (abs_bits(x) != 0) & (fold != kNoExponent);
  const std::int32_t exponent = exponent15(x) + larger(fold, kFarBelow);
  return counts ? exponent : kDropped;
}

template <class Lanes>
REPRO_HD std::int32_t row_exponent(const Lanes& lanes, const float* x, const std::int32_t* fold,
                                   std::int64_t cols) {
  if (fold == nullptr) {
    // ex is monotone, so the largest element has the largest exponent.
    const std::uint32_t most = max_abs_bits(lanes, x, cols);
    return most == 0 ? kNoExponent : exponent15(from_bits(most));
  }
  std::int32_t most = kDropped;
  for (std::int64_t i = lanes.first(); i < cols; i += lanes.stride()) {
    most = larger(most, element_exponent(x[i], fold[i]));
  }
  most = lanes.max(most);
  return most == kDropped ? kNoExponent : most;
}

// kFold: every element has its own shift. kLow: a second digit.
template <bool kFold, bool kLow, class Lanes>
REPRO_HD void write_digits(const Lanes& lanes, const float* x, const std::int32_t* fold,
                           std::int32_t shift, std::int64_t cols, std::int16_t* digits,
                           std::int16_t* low) {
  SplitScale scale = split_scale(shift);
  REPRO_INDEPENDENT_LOOP
  for (std::int64_t i = lanes.first(); i < cols; i += lanes.stride()) {
    if constexpr (kFold) scale = split_scale(shift + larger(fold[i], kFarBelow));
    const float scaled = scaled_to_digit(x[i], scale);
    const std::int32_t q = digit15(scaled);
    digits[i] = static_cast<std::int16_t>(q);
    if constexpr (kLow) low[i] = static_cast<std::int16_t>(second_digit(scaled, q));
  }
}

template <class Lanes>
REPRO_HD void clear_digits(const Lanes& lanes, std::int64_t cols, std::int16_t* digits) {
  for (std::int64_t i = lanes.first(); i < cols; i += lanes.stride()) digits[i] = 0;
}

}  // namespace detail

template <class Lanes>
REPRO_HD void quantize_row(const Lanes& lanes, const QuantizeRowsArgs& args, std::int64_t row) {
  const float* x = args.x + row * args.ld;
  std::int16_t* digits = args.digits + row * args.ld_digits;
  std::int16_t* low = args.low == nullptr ? nullptr : args.low + row * args.ld_digits;
  const std::int32_t exponent = detail::row_exponent(lanes, x, args.fold, args.cols);
  if (lanes.first() == 0) args.exponents[row] = exponent;
  if (exponent == kNoExponent) {
    detail::clear_digits(lanes, args.cols, digits);
    if (low != nullptr) detail::clear_digits(lanes, args.cols, low);
    return;
  }
  const std::int32_t shift = 13 - exponent;
  if (args.fold == nullptr && low == nullptr) {
    detail::write_digits<false, false>(lanes, x, args.fold, shift, args.cols, digits, low);
  } else if (low == nullptr) {
    detail::write_digits<true, false>(lanes, x, args.fold, shift, args.cols, digits, low);
  } else if (args.fold == nullptr) {
    detail::write_digits<false, true>(lanes, x, args.fold, shift, args.cols, digits, low);
  } else {
    detail::write_digits<true, true>(lanes, x, args.fold, shift, args.cols, digits, low);
  }
}

namespace detail {

// exponents[c] of every column; a lane owns whole columns.
template <class Lanes>
REPRO_HD void column_exponents(const Lanes& lanes, const QuantizeColumnsArgs& args) {
  std::int32_t* exponents = args.exponents;
  for (std::int64_t c = lanes.first(); c < args.cols; c += lanes.stride()) exponents[c] = kDropped;
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* x = args.x + r * args.ld;
    const std::int32_t fold = args.fold == nullptr ? 0 : args.fold[r];
    if (fold == kNoExponent) continue;
    REPRO_INDEPENDENT_LOOP
    for (std::int64_t c = lanes.first(); c < args.cols; c += lanes.stride()) {
      exponents[c] = larger(exponents[c], element_exponent(x[c], fold));
    }
  }
  for (std::int64_t c = lanes.first(); c < args.cols; c += lanes.stride()) {
    exponents[c] = exponents[c] == kDropped ? kNoExponent : exponents[c];
  }
}

}  // namespace detail

// The digit of one element of a column with this exponent, its row's fold added.
REPRO_HD std::int16_t column_digit(float x, std::int32_t fold, std::int32_t exponent) {
  // The elements of an empty column are zero or dropped: a shift far down makes both zero.
  const bool empty = exponent == kNoExponent;
  const std::int32_t shift = 13 - larger(exponent, kFarBelow) + larger(fold, kFarBelow);
  const SplitScale scale = split_scale(empty ? kFarBelow : shift);
  return static_cast<std::int16_t>(digit15(scaled_to_digit(x, scale)));
}

template <class Lanes>
REPRO_HD void quantize_columns(const Lanes& lanes, const QuantizeColumnsArgs& args) {
  detail::column_exponents(lanes, args);
  const std::int32_t* exponents = args.exponents;
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const float* x = args.x + r * args.ld;
    std::int16_t* digits = args.digits + r * args.ld_digits;
    const std::int32_t fold = args.fold == nullptr ? 0 : larger(args.fold[r], kFarBelow);
    REPRO_INDEPENDENT_LOOP
    for (std::int64_t c = lanes.first(); c < args.cols; c += lanes.stride()) {
      digits[c] = column_digit(x[c], fold, exponents[c]);
    }
  }
}

}  // namespace repro::train
