// The row kernels compiled for AVX-512 (F, BW, VL, DQ).
#include "train/kernels/generic/row_table.h"

namespace repro::train {

const RowKernels* find_avx512_row_kernels() {
  static constexpr RowKernels kTable = make_row_table("avx512");
  const bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("fma");
  return runs ? &kTable : nullptr;
}

}  // namespace repro::train
