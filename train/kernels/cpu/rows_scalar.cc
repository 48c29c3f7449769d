// The row kernels for any CPU of the architecture.
#include "train/kernels/generic/row_table.h"

namespace repro::train {

const RowKernels& scalar_row_kernels() {
  static constexpr RowKernels kTable = make_row_table("scalar");
  return kTable;
}

#if !defined(__x86_64__)
// Their sources are built for x86-64 alone.
const RowKernels* find_avx2_row_kernels() { return nullptr; }
const RowKernels* find_avx512_row_kernels() { return nullptr; }
#endif

}  // namespace repro::train
