// What is said where an NVIDIA GPU cannot be used or fails: text alone, so that it is tested
// without one. The numbers are CUDA's (cudaError_t), which keeps them from release to release;
// cuda/device.cc checks them against its headers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "artifacts/base/error.h"
#include "train/device/device.h"

namespace repro::train {

namespace cuda_code {
inline constexpr int kOutOfMemory = 2;
inline constexpr int kInsufficientDriver = 35;
inline constexpr int kNoDevice = 100;
inline constexpr int kNoKernelImage = 209;
inline constexpr int kEccUncorrectable = 214;
inline constexpr int kUnsupportedPtx = 222;
inline constexpr int kContained = 226;  // hardware errors among them; the GPU survives
}  // namespace cuda_code

// A cudaError_t as the runtime describes it.
struct CudaStatus {
  int code = 0;
  std::string_view name;  // "cudaErrorNoDevice"
  std::string_view text;  // "no CUDA-capable device is detected"
};

// What is known when it appears; fields that are not are left as they are.
struct CudaFacts {
  int driver = 0;              // the CUDA that the driver brings: 13000 for 13.0; 0: no driver
  std::string driver_release;  // "580.65.06"
  std::string device;          // "NVIDIA H200"
  int major = 0, minor = 0;    // its compute capability
  std::string where;           // "join_sums, step 3, lm_head": what failed
  std::int64_t wanted = 0;     // bytes, where memory was asked for
  DeviceMemory memory;
};

// Error(environment): what was found and what to do.
Error cuda_error(const CudaStatus& status, const CudaFacts& facts);

// Throws it where the device is too old for the kernels: before anything is launched.
void check_capability(const CudaFacts& facts);

// "580.65.06" from the text of the driver's version file; empty where there is none in it.
std::string driver_release(std::string_view version_file);

// "13.0" of 13000: CUDA counts 1000 * major + 10 * minor.
std::string cuda_version(int number);

}  // namespace repro::train
