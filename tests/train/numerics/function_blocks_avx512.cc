// The functions compiled for AVX-512 (F, BW, VL, DQ).
#include "tests/train/numerics/function_blocks_table.h"

namespace repro::train {

const FunctionBlocks* find_avx512_function_blocks() {
  static constexpr FunctionBlocks kBlocks = make_function_blocks("avx512");
  const bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("fma");
  return runs ? &kBlocks : nullptr;
}

}  // namespace repro::train
