// Values for tests of a step on a device against the CPU, and the CPU's context.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/rows/row_inputs.h"
#include "train/device/linear.h"
#include "train/kernels/paths.h"

namespace repro::train {

class HostValues {
 public:
  explicit HostValues(std::uint32_t seed) : random_(seed) {}

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint32_t>(bound));
  }
  std::int64_t between(std::int64_t low, std::int64_t high) { return low + below(high - low + 1); }
  // Of one of the kinds of row_inputs.h, all finite.
  std::vector<float> floats(std::int64_t count) {
    const auto kind = kAllValues[static_cast<std::size_t>(below(std::size(kAllValues)))];
    return make_values(kind, count, random_());
  }
  // Of a trained model's size.
  std::vector<float> tame(std::int64_t count, float deviation = 1.0F) {
    std::normal_distribution<float> normal(0, deviation);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = normal(random_);
    return values;
  }

 private:
  std::mt19937 random_;
};

template <class T>
std::vector<T> values_of(const Buffer<T>& buffer) {
  return {buffer.data(), buffer.data() + buffer.size()};
}

// NaNs compare by their bits too.
inline std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (float value : values) bits.push_back(to_bits(value));
  return bits;
}

// Gradient groups of random sizes.
inline std::vector<RowRange> random_groups(HostValues& random, std::int64_t rows) {
  std::vector<RowRange> groups;
  for (std::int64_t begin = 0; begin < rows;) {
    const std::int64_t end = std::min(rows, begin + random.between(1, 20));
    groups.push_back({begin, end});
    begin = end;
  }
  return groups;
}

// What looking at the faults throws; empty for nothing.
inline std::string message_of(Faults& faults) {
  try {
    faults.check();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The scalar reference on one thread.
struct HostContext {
  HostContext() : parallel(1) {
    context.path = choose_path("scalar");
    context.parallel = &parallel;
    context.step = 7;
  }
  Parallel parallel;
  Context context;
};

}  // namespace repro::train
