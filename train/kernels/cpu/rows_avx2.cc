// The row kernels compiled for AVX2 and FMA.
#include "train/kernels/generic/row_table.h"

namespace repro::train {

const RowKernels* find_avx2_row_kernels() {
  static constexpr RowKernels kTable = make_row_table("avx2");
  const bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return runs ? &kTable : nullptr;
}

}  // namespace repro::train
