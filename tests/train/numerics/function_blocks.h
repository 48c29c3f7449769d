// The one-argument functions in loops, compiled once per instruction set (function_blocks_*.cc)
// with the flags of the row kernels of that set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace repro::train {

struct FunctionBlock {
  const char* name = nullptr;  // as in tests/golden/function_tables.json
  // results[i] = the function of the argument with bits (or the word) first + i, for i < count.
  void (*fill)(std::uint32_t first, std::size_t count, float* results) = nullptr;
};

struct FunctionBlocks {
  const char* path = nullptr;  // "scalar", "avx2", "avx512"
  std::array<FunctionBlock, 8> functions;
};

// Those that are built and that this CPU can run.
std::vector<const FunctionBlocks*> available_function_blocks();

// One per source, the last two on x86-64 alone; null where the CPU lacks the set.
const FunctionBlocks* find_scalar_function_blocks();
const FunctionBlocks* find_avx2_function_blocks();
const FunctionBlocks* find_avx512_function_blocks();

}  // namespace repro::train
