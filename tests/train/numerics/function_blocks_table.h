// The table of one instruction set: included by exactly one source per set, which is compiled with
// that set's flags. Everything is local to that source, so the linker cannot mix the sets.
#pragma once

#include "tests/train/numerics/function_blocks.h"
#include "train/numerics/functions.h"

namespace repro::train {
namespace {

template <float (*kFunction)(float)>
void fill(std::uint32_t first, std::size_t count, float* results) {
  for (std::size_t i = 0; i < count; ++i) {
    results[i] = kFunction(from_bits(first + static_cast<std::uint32_t>(i)));
  }
}

void fill_normal32(std::uint32_t first, std::size_t count, float* results) {
  for (std::size_t i = 0; i < count; ++i) {
    results[i] = normal32(first + static_cast<std::uint32_t>(i));
  }
}

constexpr FunctionBlocks make_function_blocks(const char* path) {
  return {path,
          {{{"exp32", fill<exp32>},
            {"log32", fill<log32>},
            {"tanh32", fill<tanh32>},
            {"erf32", fill<erf32>},
            {"sigmoid32", fill<sigmoid32>},
            {"silu32", fill<silu32>},
            {"gelu32", fill<gelu32>},
            {"normal32", fill_normal32}}}};
}

}  // namespace
}  // namespace repro::train
