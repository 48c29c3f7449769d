// Inputs that make rounding, ties, underflow and overflow of shared exponents happen.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "train/kernels/row_kernels.h"

namespace repro::train {

enum class Values { normal, subnormal, huge, spread, zeros, ties, outlier, equal };
inline constexpr Values kAllValues[] = {Values::normal,  Values::subnormal, Values::huge,
                                        Values::spread,  Values::zeros,     Values::ties,
                                        Values::outlier, Values::equal};

inline float value_of(Values kind, std::mt19937& random, std::int64_t i) {
  const float gauss = std::normal_distribution<float>()(random);
  switch (kind) {
    case Values::normal:
      return gauss;
    case Values::subnormal:
      return gauss * 0x1p-140F;
    case Values::huge:
      return gauss * 0x1p120F;
    case Values::spread:
      return std::ldexp(gauss, static_cast<int>(random() % 40) - 20);
    case Values::zeros:
      return random() % 4 == 0 ? gauss : (random() % 2 == 0 ? 0.0F : -0.0F);
    case Values::ties:  // halves of a q15 and of a q31 digit
      return i == 0 ? 1.0F
                    : static_cast<float>(static_cast<int>(random() % 4001) - 2000) * 0x1p-14F;
    case Values::outlier:
      return i == 3 ? 3000 * gauss : gauss;
    case Values::equal:
      return 0.3F;
  }
  return 0;
}

inline std::vector<float> make_values(Values kind, std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = value_of(kind, random, i);
  }
  return values;
}

// Every table that this CPU can run.
inline std::vector<const RowKernels*> all_row_kernels() {
  std::vector<const RowKernels*> tables = {&scalar_row_kernels()};
  for (const RowKernels* table : {find_avx2_row_kernels(), find_avx512_row_kernels()}) {
    if (table != nullptr) tables.push_back(table);
  }
  return tables;
}

}  // namespace repro::train
