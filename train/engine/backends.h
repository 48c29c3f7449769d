// Which backend computes: the exact model of this program, or LibTorch's, loaded from a shared
// library beside the worker only when asked for
// (docs/decisions/0001-exact-trainer-without-libtorch.md).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "train/engine/machine.h"
#include "train/kernels/gemm.h"
#include "train/kernels/paths.h"
#include "train/models/backend.h"
#include "train/models/language_model.h"

namespace repro::train {

// Error(environment) where this build or machine lacks the profile, kernels or device.
std::unique_ptr<Backend> make_backend(const manifests::Config& config, const Machine& machine,
                                      Parameters& parameters);

// The same for inference, on the CPU: `path` computes in exact, LibTorch in native. `parameters`
// must be loaded; it and `parallel` outlive the model.
std::unique_ptr<LanguageModel> make_decoder(const manifests::Config& config, KernelPath path,
                                            Parallel& parallel, const Parameters& parameters);

// "auto" or a path's name, with LibTorch's product where "fp64" is asked for. Errors as above.
KernelPath choose_exact_path(std::string_view kernels);

// LibTorch's binary64 product for the "fp64" path, or null where that library is not there.
DoubleGemm find_blas();

// Whether librepro_native.so lies beside this program.
bool native_available();
// What the native profile's promise depends on besides the recipe, by name: versions; the CPU and
// its thread count, or the GPU and its driver; run.micro_batch, as float sums are cut where batches
// are.
using HeldConstant = std::map<std::string, std::string>;
// Here. Empty for exact. Errors as make_backend.
HeldConstant held_constant(std::string_view profile, const manifests::RunConfig& running,
                           int threads);
// The same of inference, which has no micro-batches; in native also config.native.dtype ("dtype"),
// as what is asked need not be a run.
HeldConstant held_constant_of_inference(const manifests::Config& config, int threads);
// Error(environment) naming every difference, where a run is bound to what is not so here.
void check_held_constant(const HeldConstant& bound, const HeldConstant& here);

}  // namespace repro::train
