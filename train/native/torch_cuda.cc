#include "train/native/torch_cuda.h"

#include <ATen/Context.h>
#include <c10/util/env.h>
#include <dlfcn.h>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"

namespace repro::train {
namespace {

// cuBLAS gives the same bits with a fixed workspace only, and reads this when it starts; LibTorch
// refuses its products without it.
constexpr const char* kWorkspaceVariable = "CUBLAS_WORKSPACE_CONFIG";
constexpr const char* kWorkspace = ":4096:8";

void set_cuda_switches() {
  c10::utils::set_env(kWorkspaceVariable, kWorkspace);
  at::Context& context = at::globalContext();
  context.setAllowTF32CuBLAS(false);
  context.setAllowTF32CuDNN(false);
  context.setAllowBF16ReductionCuBLAS(false);
  context.setBlasPreferredBackend(at::BlasBackend::Cublas);
  context.setSDPUseCuDNN(false);  // its backward pass is not deterministic
  const bool kept = c10::utils::get_env(kWorkspaceVariable) == kWorkspace &&
                    !context.allowTF32CuBLAS() && !context.allowTF32CuDNN() &&
                    context.allowBF16ReductionCuBLAS() ==
                        at::CuBLASReductionOption::DisallowReducedPrecisionAllowSplitK &&
                    context.blasPreferredBackend() == at::BlasBackend::Cublas &&
                    !context.userEnabledCuDNNSDP();
  if (!kept) throw Error(Code::environment, "LibTorch does not keep its switches for a GPU");
}

// Local: the CUDA runtime that comes with it must not stand in for that of librepro_cuda.so. It
// stays loaded, as what it registers does.
void* torch_cuda() {
  const std::string file = find_environment("REPRO_TORCH_CUDA").value_or("libtorch_cuda.so");
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(Code::environment,
                std::string("--device cuda: cannot load LibTorch's CUDA part: ") + ::dlerror(),
                "scripts/deps --cuda unpacks it; docs/gpu.md says which NVIDIA libraries it needs "
                "and how REPRO_TORCH_CUDA names one that has them; or --profile exact");
  }
  return library;
}

std::string property_version(void* library, const char* function) {
  const auto property = reinterpret_cast<int (*)(int, int*)>(::dlsym(library, function));
  std::string text;
  for (int part = 0; part < 3; ++part) {  // major, minor, patch
    int value = 0;
    if (property == nullptr || property(part, &value) != 0) return "unknown";
    text += (part == 0 ? "" : ".") + std::to_string(value);
  }
  return text;
}

std::string runtime_version(void* library) {
  const auto version = reinterpret_cast<int (*)(int*)>(::dlsym(library, "cudaRuntimeGetVersion"));
  int number = 0;
  if (version == nullptr || version(&number) != 0) return "unknown";
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

// The first line: what follows is advice for Python's users.
std::string reason(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  return text.substr(0, text.find('\n'));
}

}  // namespace

void prepare_torch_cuda() {
  set_cuda_switches();
  torch_cuda();
  if (!at::globalContext().hasCUDA()) {
    throw Error(Code::environment,
                "--device cuda: LibTorch's CUDA part finds no GPU that it can use",
                "`repro doctor` says what NVIDIA's driver lacks; or --device cpu");
  }
}

std::map<std::string, std::string> torch_cuda_versions() {
  void* library = torch_cuda();
  return {{"cuda_runtime", runtime_version(library)},
          {"cublas", property_version(library, "cublasGetProperty")},
          {"cublaslt", property_version(library, "cublasLtGetProperty")}};
}

void rethrow_gpu_error(const c10::Error& error, std::int64_t step) {
  const std::string where = "step " + std::to_string(step) + ", on the GPU: ";
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) {
    throw Error(
        Code::environment, where + reason(error),
        "a smaller --set run.micro_batch=N needs less, and --set run.recompute=true; nvidia-smi "
        "shows who else uses the GPU");
  }
  if (dynamic_cast<const c10::AcceleratorError*>(&error) != nullptr) {
    throw Error(Code::environment, where + reason(error),
                "nothing of this step was published; `repro resume` goes on from the last "
                "checkpoint");
  }
  throw;
}

}  // namespace repro::train
