// The shared library librepro_native.so: everything that links LibTorch.
#include <ATen/Config.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <torch/headeronly/version.h>

#include "artifacts/base/environment.h"
#include "train/models/native_api.h"
#include "train/native/olmo2_native.h"
#include "train/native/olmo2_native_decoder.h"
#include "train/native/torch_cuda.h"

namespace repro::train {
namespace {

void blas_gemm(std::int64_t m, std::int64_t n, std::int64_t k, const double* a, const double* b,
               double* c) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const auto wrap = [&](const double* data, std::int64_t rows, std::int64_t cols) {
    return at::from_blob(const_cast<double*>(data), {rows, cols}, options);
  };
  at::Tensor out = wrap(c, m, n);
  at::mm_out(out, wrap(a, m, k), wrap(b, n, k).t());
}

std::unique_ptr<Backend> make_olmo2(const manifests::Config& config, int threads,
                                    Parameters& parameters) {
  if (config.run.device != "cuda") {
    return make_native_olmo2(config, threads, parameters, NativeState::shared);
  }
  prepare_torch_cuda();
  try {
    return make_native_olmo2(config, threads, parameters, NativeState::copied);
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, 0);
  }
}

// On a GPU neither the CPU nor its threads take part in what is rounded.
std::map<std::string, std::string> held_constant(const std::string& device, int threads) {
  if (device == "cuda") {
    prepare_torch_cuda();
    std::map<std::string, std::string> held = torch_cuda_versions();
    held["libtorch"] = TORCH_VERSION;
    return held;
  }
  return {{"libtorch", TORCH_VERSION},
          {"blas", at::get_mkl_version()},
          {"cpu", read_host_facts().cpu},
          {"capability", at::get_cpu_capability()},
          {"threads", std::to_string(threads)}};
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const NativeApi* repro_native_api() {
  static const NativeApi api = {kNativeApiVersion, make_olmo2, make_native_olmo2_decoder, blas_gemm,
                                held_constant};
  return &api;
}

}  // namespace repro::train
