// What librepro_native.so exports. Both sides are built together; the version catches a stale file.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "train/kernels/gemm.h"
#include "train/models/backend.h"
#include "train/models/language_model.h"

namespace repro::train {

inline constexpr int kNativeApiVersion = 6;

struct NativeApi {
  int version = 0;
  // On config.run.device. Error(environment) where LibTorch cannot compute there.
  std::unique_ptr<Backend> (*make_olmo2)(const manifests::Config& config, int threads,
                                         Parameters& parameters) = nullptr;
  // For inference, on the CPU.
  std::unique_ptr<LanguageModel> (*make_olmo2_decoder)(const manifests::Config& config, int threads,
                                                       const Parameters& parameters) = nullptr;
  DoubleGemm gemm = nullptr;
  // What LibTorch knows of what its bits depend on; of a GPU and its driver it does not. Errors as
  // above.
  std::map<std::string, std::string> (*held_constant)(const std::string& device,
                                                      int threads) = nullptr;
};

// The one exported symbol: `extern "C" const NativeApi* repro_native_api()`.
inline constexpr const char* kNativeEntryName = "repro_native_api";

}  // namespace repro::train
