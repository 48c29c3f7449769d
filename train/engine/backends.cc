#include "train/engine/backends.h"

#include <dlfcn.h>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "train/device/device.h"
#include "train/models/native_api.h"
#include "train/models/olmo2_device.h"
#include "train/models/olmo2_exact.h"

namespace repro::train {
namespace {

// REPRO_NATIVE, else beside this program.
std::string native_path() {
  if (const auto path = find_environment("REPRO_NATIVE")) return *path;
  return join_path(executable_folder(), "librepro_native.so");
}

// Loaded once and never unloaded: LibTorch keeps threads and static state.
const NativeApi& native_api() {
  static const NativeApi* const api = [] {
    void* library = ::dlopen(native_path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      throw Error(Code::environment, std::string("cannot load LibTorch's part: ") + ::dlerror(),
                  "build with LibTorch (scripts/deps, then cmake --preset train-cpu)");
    }
    const auto entry = reinterpret_cast<NativeEntry>(::dlsym(library, kNativeEntryName));
    const NativeApi* found = entry == nullptr ? nullptr : entry();
    if (found == nullptr || found->version != kNativeApiVersion) {
      throw Error(Code::environment, native_path() + " belongs to another build of repro",
                  "build both together");
    }
    return found;
  }();
  return *api;
}

std::unique_ptr<Backend> make_on_device(const manifests::Config& config, const Machine& machine,
                                        Parameters& parameters) {
  if (machine.make_device) return make_device_olmo2(config, machine.make_device(), parameters);
  throw Error(Code::environment, "this build has no device \"" + config.run.device + "\"",
              "there is no CUDA backend yet: row kernels exist, the products and the step on the "
              "device are missing; --device cpu gives the bits that any device must");
}

}  // namespace

bool native_available() { return system_file_system().exists(native_path()); }

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
