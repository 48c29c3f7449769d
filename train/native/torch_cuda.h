// LibTorch's CUDA kernels: libtorch_cuda.so, loaded when the native profile computes on a GPU.
// Nothing here or beside it is compiled or linked against CUDA; what the library registers when it
// is loaded makes LibTorch's operators work on at::kCUDA.
#pragma once

#include <c10/util/Exception.h>

#include <cstdint>
#include <map>
#include <string>

namespace repro::train {

// Loads REPRO_TORCH_CUDA, else the libtorch_cuda.so that the loader finds (the folder of
// libtorch_cpu.so is where this library looks too), and sets every switch that LibTorch has against
// varying results on a GPU. Error(environment) where the library, one that it needs, or a GPU is
// not there.
//
// LibTorch asks what is registered once: this must come before a process's first backward pass.
// Repeated calls change nothing. Thread rules: one thread, no other in LibTorch.
void prepare_torch_cuda();

// Versions of the CUDA libraries that LibTorch then computes with, which need not be those of
// librepro_cuda.so: "cuda_runtime", "cublas", "cublaslt".
std::map<std::string, std::string> torch_cuda_versions();

// Called while `error` is handled. Error(environment) where the GPU has no memory left or failed;
// whatever else LibTorch throws is a bug and goes on as it is.
[[noreturn]] void rethrow_gpu_error(const c10::Error& error, std::int64_t step);

}  // namespace repro::train
