#include "train/kernels/paths.h"

#include "artifacts/base/error.h"
#include "train/kernels/cpu/gemm_paths.h"

namespace repro::train {

std::vector<KernelPath> available_paths(DoubleGemm blas) {
  const RowKernels* avx2_rows = find_avx2_row_kernels();
  const RowKernels* best_rows = avx2_rows != nullptr ? avx2_rows : &scalar_row_kernels();
  std::vector<KernelPath> paths;
  for (const GemmPath* gemm : available_gemm_paths(blas)) {
    const bool scalar = gemm->name() == "scalar";
    paths.push_back({gemm->name(), gemm, scalar ? &scalar_row_kernels() : best_rows});
  }
  return paths;
}

KernelPath choose_path(std::string_view name, DoubleGemm blas) {
  return choose_path(name, available_paths(blas));
}

KernelPath choose_path(std::string_view name, const std::vector<KernelPath>& paths) {
  if (name.empty() || name == "auto") return paths.back();
  std::string there;
  for (const KernelPath& path : paths) {
    if (path.name == name) return path;
    there += (there.empty() ? "" : ", ") + std::string(path.name);
  }
  const std::string hint = "this machine has: auto, " + there;
  if (is_known_path(name)) {
    throw Error(Code::environment, "this CPU cannot run the kernels '" + std::string(name) + "'",
                hint);
  }
  throw Error(Code::invalid_argument, "there are no kernels '" + std::string(name) + "'", hint);
}

}  // namespace repro::train
