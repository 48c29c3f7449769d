#include "tests/train/kernels/emulated/emulated_paths.h"

#include <algorithm>

#include "tests/train/kernels/emulated/cuda_digits.h"
#include "train/kernels/cpu/gemm_paths.h"
#include "train/kernels/packed_gemm.h"

namespace repro::train {

extern const PackedKernels kEmulatedAvx512Kernels;
extern const PackedKernels kEmulatedAmxKernels;

namespace {

PackedKernels renamed(PackedKernels kernels, const char* name) {
  kernels.name = name;
  return kernels;
}

const PackedKernels& emulated_avx512() {
  static const PackedKernels kernels = renamed(kEmulatedAvx512Kernels, "avx512 (emulated)");
  return kernels;
}

const PackedKernels& emulated_amx() {
  static const PackedKernels kernels = renamed(kEmulatedAmxKernels, "amx (emulated)");
  return kernels;
}

std::vector<const PackedKernels*> native_tile_kernels() {
#if defined(__x86_64__)
  return {&kScalarKernels, &kAvx2Kernels, &kAvx512Kernels, &kAmxKernels};
#else
  return {&kScalarKernels};
#endif
}

}  // namespace

std::vector<const GemmPath*> emulated_gemm_paths() {
  static const PackedGemm avx512(emulated_avx512());
  static const PackedGemm amx(emulated_amx());
  return {&cuda_digits_path(), &avx512, &amx};
}

std::vector<const GemmPath*> tested_gemm_paths() {
  std::vector<const GemmPath*> paths = available_gemm_paths(nullptr);
  for (const GemmPath* path : emulated_gemm_paths()) paths.push_back(path);
  return paths;
}

std::vector<const PackedKernels*> tested_tile_kernels() {
  std::vector<const PackedKernels*> tested = {&emulated_avx512(), &emulated_amx()};
  const std::vector<const GemmPath*> available = available_gemm_paths(nullptr);
  for (const PackedKernels* kernels : native_tile_kernels()) {
    const auto is_it = [kernels](const GemmPath* path) { return path->name() == kernels->name; };
    if (std::any_of(available.begin(), available.end(), is_it)) tested.push_back(kernels);
  }
  return tested;
}

}  // namespace repro::train
