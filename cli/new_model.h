// Weights that were imported, or made of others, into the store as a model: tensors are objects
// first, then the state and the model manifest, and the name last. What fails on the way leaves
// objects that nothing names.
//
//   refuse_other_model(context, name, origin);      // before the long part
//   tensors.push_back(put_tensor(store, {"model.norm.weight", "float32", {64}}, bytes));
//   const LoadedModel made = publish_model(context, std::move(model), std::move(tensors));
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "cli/context.h"
#include "cli/resolve.h"
#include "manifests/model.h"
#include "manifests/shape_check.h"
#include "manifests/state.h"

namespace repro::cli {

// The model that is called `name`.
std::optional<LoadedModel> find_model(const artifacts::Store& store, const std::string& name);

// Stores and hashes the little-endian bytes of one tensor; they must fit its dtype and shape and
// not change meanwhile.
manifests::StateTensor put_tensor(artifacts::Store& store, const manifests::NamedShape& shape,
                                  std::span<const std::byte> bytes);

// Error(already_exists) where `name` is a model that this origin does not make. Cheap: no weights
// are looked at. Error(invalid_argument) for what is no name.
void refuse_other_model(Context& context, const std::string& name,
                        const manifests::ModelOrigin& origin);

// `model`: all but `created`, `state` and the roots, which are filled in here. `tensors`, in any
// order: the weights of model.model, all of them (else Error(corruption)), and moments and counters
// where they are known; `step` counts updates. The state's derivation is that of the origin. A
// model of the same name and content is left as it is and given back; any other of that name is
// Error(already_exists).
LoadedModel publish_model(Context& context, manifests::Model model,
                          std::vector<manifests::StateTensor> tensors, std::int64_t step = 0);

}  // namespace repro::cli
