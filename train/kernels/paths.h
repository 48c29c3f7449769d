// Which kernels this machine can run, and the choice among them (`--kernels`).
#pragma once

#include "train/kernels/gemm.h"
#include "train/kernels/row_kernels.h"

#include <string>
#include <string_view>
#include <vector>

namespace repro::train {

// One selectable path: a matrix product and the row kernels that go with it.
struct KernelPath {
  std::string_view name;  // "scalar", "avx2", "fp64"
  const GemmPath* gemm = nullptr;
  const RowKernels* rows = nullptr;
};

// Paths this CPU has, best last. `blas` may be null: then "fp64" uses plain loops.
// The returned paths point to objects that live as long as the program.
std::vector<KernelPath> available_paths(DoubleGemm blas = nullptr);

// "auto" or "" gives the best. Error(environment) for a known path this CPU lacks and
// Error(invalid_argument) for an unknown name; both list what is there.
KernelPath choose_path(std::string_view name, DoubleGemm blas = nullptr);

}  // namespace repro::train
