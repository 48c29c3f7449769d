#include "train/kernels/cpu/gemm_paths.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "train/kernels/cpu/amx_support.h"
#include "train/kernels/double_gemm.h"
#include "train/kernels/packed_gemm.h"

namespace repro::train {
namespace {

#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") != 0 &&
         __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
}
#endif

// Paths are handed out as pointers that stay good, so each distinct `blas` keeps one object.
const GemmPath* double_path(DoubleGemm blas, const EpilogueKernels& epilogue) {
  static std::mutex mutex;
  static std::map<DoubleGemm, std::unique_ptr<DoublePath>> paths;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<DoublePath>& path = paths[blas];
  if (!path) path = std::make_unique<DoublePath>(blas ? blas : plain_double_gemm, epilogue);
  return path.get();
}

const GemmPath* scalar_path() {
  static const PackedGemm path(kScalarKernels);
  return &path;
}

}  // namespace

std::vector<const GemmPath*> available_gemm_paths(DoubleGemm blas) {
#if defined(__x86_64__)
  const EpilogueKernels& epilogue = has_avx2() ? kAvx2Kernels.epilogue : kScalarKernels.epilogue;
#else
  const EpilogueKernels& epilogue = kScalarKernels.epilogue;
#endif
  std::vector<const GemmPath*> paths = {scalar_path(), double_path(blas, epilogue)};
#if defined(__x86_64__)
  static const PackedGemm avx2(kAvx2Kernels);
  static const PackedGemm avx512(kAvx512Kernels);
  if (has_avx2()) paths.push_back(&avx2);
  static const PackedGemm amx(kAmxKernels);
  if (has_avx512()) paths.push_back(&avx512);
  if (has_avx512() && has_amx_int8()) paths.push_back(&amx);
#elif defined(__aarch64__)
  static const PackedGemm neon(kNeonKernels);
  paths.push_back(&neon);
#endif
  return paths;
}

bool is_known_path(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {"scalar", "fp64", "avx2",
                                                      "avx512", "amx",  "neon"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

}  // namespace repro::train
