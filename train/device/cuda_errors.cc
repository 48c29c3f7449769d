#include "train/device/cuda_errors.h"

#include <algorithm>
#include <cctype>

namespace repro::train {
namespace {

constexpr int kLeastMajor = 8;
const char* const kOtherwise =
    "; or leave --device out: on the CPU exact gives the bits that any device must give";
const char* const kResume =
    "nothing of this step was published; `repro resume` goes on from the last checkpoint";

Error environment(std::string message, const std::string& hint) {
  return Error(Code::environment, std::move(message), hint);
}

Error driver_error(const CudaFacts& facts) {
  const std::string hint = std::string("install NVIDIA's driver R580 or newer") + kOtherwise;
  if (facts.driver == 0) return environment("there is no NVIDIA driver", hint);
  const std::string release = facts.driver_release.empty() ? "" : " " + facts.driver_release;
  return environment("the NVIDIA driver" + release + " is of CUDA " + cuda_version(facts.driver) +
                         "; CUDA 13 is needed, which came with R580",
                     hint);
}

std::string device_text(const CudaFacts& facts) {
  return facts.device + ", compute capability " + std::to_string(facts.major) + "." +
         std::to_string(facts.minor);
}

Error capability_error(const CudaFacts& facts, std::string_view name) {
  const std::string hint =
      std::string(
          "the kernels are machine code for compute capability 8.x, 9.0 and 10.x, and PTX "
          "for what is newer") +
      kOtherwise;
  if (facts.major < kLeastMajor) {
    return environment(device_text(facts) + ": 8.0 or newer is needed", hint);
  }
  return environment("no kernel fits " + device_text(facts) + " (" + std::string(name) + ")", hint);
}

Error memory_error(const CudaFacts& facts) {
  return environment("the GPU has no room for " + std::to_string(facts.wanted) +
                         " bytes: " + std::to_string(facts.memory.free) + " of " +
                         std::to_string(facts.memory.total) + " are free",
                     "a smaller --set run.micro_batch=N needs less, and --set run.recompute=true; "
                     "nvidia-smi shows who else uses the GPU");
}

Error ecc_error(const CudaStatus& status, const CudaFacts& facts) {
  return environment("the GPU's memory reported an uncorrectable error (" + facts.where + ": " +
                         std::string(status.text) +
                         "); nothing computed since the last checkpoint is to be trusted",
                     "the last checkpoint stands: run the driver's diagnosis (nvidia-smi -q -d "
                     "ECC), then `repro resume`, on another GPU if it comes again");
}

}  // namespace

Error cuda_error(const CudaStatus& status, const CudaFacts& facts) {
  switch (status.code) {
    case cuda_code::kInsufficientDriver:
      return driver_error(facts);
    case cuda_code::kNoDevice:
      return environment(
          "the NVIDIA driver sees no GPU",
          std::string("look at nvidia-smi and at CUDA_VISIBLE_DEVICES") + kOtherwise);
    case cuda_code::kNoKernelImage:
    case cuda_code::kUnsupportedPtx:
      return capability_error(facts, status.name);
    case cuda_code::kOutOfMemory:
      if (facts.wanted > 0) return memory_error(facts);
      break;
    case cuda_code::kEccUncorrectable:
    case cuda_code::kContained:
      return ecc_error(status, facts);
    default:
      break;
  }
  return environment(
      facts.where + ": " + std::string(status.text) + " (" + std::string(status.name) + ")",
      kResume);
}

void check_capability(const CudaFacts& facts) {
  if (facts.major < kLeastMajor) throw capability_error(facts, "");
}

std::string driver_release(std::string_view version_file) {
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 ...": the first word
  // of digits and points.
  const auto is_part = [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; };
  std::string_view rest = version_file.substr(0, version_file.find('\n'));
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (word.find('.') != word.npos && std::all_of(word.begin(), word.end(), is_part)) {
      return std::string(word);
    }
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  return "";
}

std::string cuda_version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

}  // namespace repro::train
