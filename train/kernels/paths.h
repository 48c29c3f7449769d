// Which kernels this machine can run, and the choice among them (`--kernels`).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/kernels/gemm.h"
#include "train/kernels/row_kernels.h"

namespace repro::train {

// One selectable path: a matrix product and the row kernels that go with it.
struct KernelPath {
  std::string_view name;  // "scalar", "fp64", "avx2", "avx512", "amx", "neon"
  const GemmPath* gemm = nullptr;
  const RowKernels* rows = nullptr;
};

// Paths this CPU has, best last. `blas` may be null: then "fp64" uses plain loops.
// The returned paths point to objects that live as long as the program.
std::vector<KernelPath> available_paths(DoubleGemm blas = nullptr);

// The path of that name among `paths` (not empty, best last); otherwise as below.
KernelPath choose_path(std::string_view name, const std::vector<KernelPath>& paths);

// "auto" or "" gives the best. Error(environment) for a known path this CPU lacks and
// Error(invalid_argument) for an unknown name; both list what is there.
KernelPath choose_path(std::string_view name, DoubleGemm blas = nullptr);

}  // namespace repro::train
