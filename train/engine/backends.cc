#include "train/engine/backends.h"

#include "artifacts/base/error.h"
#include "artifacts/base/part.h"
#include "train/device/load_cuda.h"
#include "train/models/native_api.h"
#include "train/models/olmo2_decoder.h"
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

}  // namespace

bool native_available() { return part_available(kNativePart); }

DoubleGemm find_blas() { return native_available() ? native_api().gemm : nullptr; }

KernelPath choose_exact_path(std::string_view kernels) {
  return choose_path(kernels, kernels == "fp64" ? find_blas() : nullptr);
}

std::unique_ptr<Backend> make_backend(const manifests::Config& config, const Machine& machine,
                                      Parameters& parameters) {
  if (config.profile == "native") {
    return native_api().make_olmo2(config, machine.parallel->num_threads(), parameters);
  }
  if (config.run.device == "cuda") {
    return make_device_olmo2(
        config, machine.make_device ? machine.make_device() : make_cuda_device(), parameters);
  }
  return make_exact_olmo2(config, choose_exact_path(machine.kernels), *machine.parallel,
                          parameters);
}

std::unique_ptr<LanguageModel> make_decoder(const manifests::Config& config, KernelPath path,
                                            Parallel& parallel, const Parameters& parameters) {
  if (config.profile == "native") {
    return native_api().make_olmo2_decoder(config, parallel.num_threads(), parameters);
  }
  return make_exact_olmo2_decoder(config, path, parallel, parameters);
}

HeldConstant held_constant(std::string_view profile, const manifests::RunConfig& running,
                           int threads) {
  if (profile != "native") return {};
  HeldConstant held = native_api().held_constant(running.device, threads);
  held["micro_batch"] = std::to_string(running.micro_batch);
  // LibTorch's own libraries count where both name one.
  if (running.device == "cuda") held.merge(make_cuda_device()->versions());
  return held;
}

HeldConstant held_constant_of_inference(const manifests::Config& config, int threads) {
  if (config.profile != "native") return {};
  HeldConstant held = native_api().held_constant(config.run.device, threads);
  held["dtype"] = config.native.dtype;
  return held;
}

void check_held_constant(const HeldConstant& bound, const HeldConstant& here) {
  if (here == bound) return;
  HeldConstant all = bound;
  all.insert(here.begin(), here.end());
  const auto value = [](const HeldConstant& of, const std::string& name) {
    const auto found = of.find(name);
    return found == of.end() ? "nothing" : found->second;
  };
  std::string differences;
  for (const auto& [name, unused] : all) {
    if (value(bound, name) == value(here, name)) continue;
    differences +=
        "\n  " + name + ": the run has " + value(bound, name) + ", here is " + value(here, name);
  }
  throw Error(
      Code::environment,
      "this environment is not the one that the native profile was bound to:" + differences,
      "run it where they match, --device, --threads and run.micro_batch included, or train with "
      "--profile exact, which depends on none");
}

}  // namespace repro::train
