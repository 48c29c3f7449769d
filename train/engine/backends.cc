#include "train/engine/backends.h"

#include "artifacts/base/error.h"
#include "artifacts/base/part.h"
#include "train/device/load_cuda.h"
#include "train/models/native_api.h"
#include "train/models/olmo2_device.h"
#include "train/models/olmo2_exact.h"

namespace repro::train {
namespace {

constexpr Part kNativePart = {
    .what = "LibTorch's part",
    .file = "librepro_native.so",
    .variable = "REPRO_NATIVE",
    .entry = kNativeEntryName,
    .version = kNativeApiVersion,
    .hint = "build with LibTorch (scripts/deps, then cmake --preset train-cpu)"};

const NativeApi& native_api() {
  static const NativeApi& api = load_part<NativeApi>(kNativePart);
  return api;
}

std::unique_ptr<Backend> make_on_device(const manifests::Config& config, const Machine& machine,
                                        Parameters& parameters) {
  if (config.profile == "native") {
    throw Error(Code::environment, "the profile native does not compute on a GPU yet",
                "--profile exact does, or --device cpu");
  }
  return make_device_olmo2(config, machine.make_device ? machine.make_device() : make_cuda_device(),
                           parameters);
}

}  // namespace

bool native_available() { return part_available(kNativePart); }

DoubleGemm find_blas() { return native_available() ? native_api().gemm : nullptr; }

KernelPath choose_exact_path(std::string_view kernels) {
  return choose_path(kernels, kernels == "fp64" ? find_blas() : nullptr);
}

std::unique_ptr<Backend> make_backend(const manifests::Config& config, const Machine& machine,
                                      Parameters& parameters) {
  if (config.run.device == "cuda") return make_on_device(config, machine, parameters);
  if (config.profile == "native") {
    return native_api().make_olmo2(config, machine.parallel->num_threads(), parameters);
  }
  return make_exact_olmo2(config, choose_exact_path(machine.kernels), *machine.parallel,
                          parameters);
}

std::map<std::string, std::string> held_constant(std::string_view profile, int threads) {
  if (profile != "native") return {};
  return native_api().held_constant(threads);
}

}  // namespace repro::train
