// What tests of single programs share: random shapes, inputs and grids, all from the test's seed,
// and outputs with guards around them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <span>
#include <vector>

#include "tests/train/rows/row_inputs.h"
#include "tests/train/rows/run_grid.h"
#include "train/kernels/cuda/split_gemm.h"

namespace repro::train {

class ProgramTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint32_t>(bound));
  }
  bool coin() { return below(2) == 0; }
  template <class T>
  std::vector<T> integers(std::int64_t count, std::int64_t low, std::int64_t high) {
    std::vector<T> values(static_cast<std::size_t>(count));
    for (T& value : values) value = static_cast<T>(low + below(high - low + 1));
    return values;
  }
  std::vector<std::int16_t> digits(std::int64_t count) {
    return integers<std::int16_t>(count, -16383, 16383);
  }
  // Exponents to fold in, which decide alone or hardly which element is the largest; some drop
  // their elements.
  std::vector<std::int32_t> folds(std::int64_t count) {
    const std::int64_t most = coin() ? 30 : 1;
    std::vector<std::int32_t> values = integers<std::int32_t>(count, -most, most);
    for (std::int32_t& value : values) value = below(8) == 0 ? kEmptyExponent : value;
    return values;
  }
  // Of the kind that is this seed's.
  std::vector<float> floats(std::int64_t count) {
    return make_values(kAllValues[GetParam() % std::size(kAllValues)], count,
                       static_cast<std::uint32_t>(random_()));
  }
  void run(const Program& args) {
    run_grid(args, static_cast<std::uint32_t>(below(4) + 1), GetParam());
  }

 private:
  std::mt19937 random_{GetParam()};
};

// An output of so many elements, at first `old`, whose neighbours show a write beside it. Starts at
// a multiple of 16 bytes.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t size, T old = T{77}) : memory_(kGuard, kMark) {
    memory_.resize(memory_.size() + static_cast<std::size_t>(size), old);
    memory_.resize(memory_.size() + kGuard, kMark);
  }
  T* data() { return memory_.data() + kGuard; }
  std::vector<T> values() const { return {memory_.begin() + kGuard, memory_.end() - kGuard}; }
  bool intact() const {
    const auto marked = [](T value) { return value == kMark; };
    return std::all_of(memory_.begin(), memory_.begin() + kGuard, marked) &&
           std::all_of(memory_.end() - kGuard, memory_.end(), marked);
  }

 private:
  static constexpr std::ptrdiff_t kGuard = 64;
  static constexpr T kMark{99};

  std::vector<T> memory_;
};

// Row `row` of an operand, 2 * padded wide, as the layout of split_gemm.h has it.
struct WantedSplit {
  std::int64_t padded = 0;
  bool low_first = false;
  std::vector<std::int8_t> values;

  WantedSplit(std::int64_t rows, std::int64_t padded_row, bool turned)
      : padded(padded_row),
        low_first(turned),
        values(static_cast<std::size_t>(rows * 2 * padded_row)) {}
  void put(std::int64_t row, std::int64_t k, std::int16_t q) {
    const SplitDigit digit = split_digit(q);
    std::int8_t* const at = values.data() + row * 2 * padded + k;
    at[low_first ? padded : 0] = digit.high;
    at[low_first ? 0 : padded] = digit.low;
  }
};

}  // namespace repro::train
