#include "tests/train/kernels/emulated/emulated_paths.h"

#include "train/kernels/cpu/gemm_paths.h"
#include "train/kernels/packed_gemm.h"
#include "train/kernels/tile_kernels.h"

namespace repro::train {

extern const PackedKernels kEmulatedAvx512Kernels;
extern const PackedKernels kEmulatedAmxKernels;

namespace {

PackedKernels renamed(PackedKernels kernels, const char* name) {
  kernels.name = name;
  return kernels;
}

}  // namespace

std::vector<const GemmPath*> emulated_gemm_paths() {
  static const PackedKernels kAvx512 = renamed(kEmulatedAvx512Kernels, "avx512 (emulated)");
  static const PackedKernels kAmx = renamed(kEmulatedAmxKernels, "amx (emulated)");
  static const PackedGemm avx512(kAvx512);
  static const PackedGemm amx(kAmx);
  return {&avx512, &amx};
}

std::vector<const GemmPath*> tested_gemm_paths() {
  std::vector<const GemmPath*> paths = available_gemm_paths(nullptr);
  for (const GemmPath* path : emulated_gemm_paths()) paths.push_back(path);
  return paths;
}

}  // namespace repro::train
