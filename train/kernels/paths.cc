#include "train/kernels/paths.h"

#include "artifacts/base/error.h"
#include "train/kernels/cpu/gemm_paths.h"

namespace repro::train {

namespace {

// The rows that go with a product; every table gives the same bits, so this is about speed alone.
const RowKernels* rows_for(std::string_view gemm) {
  if (gemm == "scalar") return &scalar_row_kernels();
  const bool wide = gemm == "avx512" || gemm == "amx";
  const RowKernels* avx512 = wide ? find_avx512_row_kernels() : nullptr;
  if (avx512 != nullptr) return avx512;
  const RowKernels* avx2 = find_avx2_row_kernels();
  return avx2 != nullptr ? avx2 : &scalar_row_kernels();
}

}  // namespace

std::vector<KernelPath> available_paths(DoubleGemm blas) {
  std::vector<KernelPath> paths;
  for (const GemmPath* gemm : available_gemm_paths(blas)) {
    paths.push_back({gemm->name(), gemm, rows_for(gemm->name())});
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
