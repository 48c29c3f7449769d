// The functions compiled for AVX2 and FMA.
#include "tests/train/numerics/function_blocks_table.h"

namespace repro::train {

const FunctionBlocks* find_avx2_function_blocks() {
  static constexpr FunctionBlocks kBlocks = make_function_blocks("avx2");
  const bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return runs ? &kBlocks : nullptr;
}

}  // namespace repro::train
