// The mean of the weights of runs and models, as a new model: `repro merge`.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/resolve.h"
#include "cli/weights.h"

namespace repro::cli {

struct Merged {
  LoadedModel model;
  bool made = true;  // false where a model of this name and derivation was there
};

// `formula`: a name of artifacts/tensor/mean.h, else Error(invalid_argument). Memory: one tensor of
// each parent and of the result. Errors: Error(invalid_argument) listing what differs where the
// parents are not of one shape, or naming a tensor and element that is not finite or becomes so;
// Error(unsupported) for weights that are not float32; Error(already_exists) for another model of
// this name. Parents that are re-derived states are kept in the store.
Merged merge_weights(Context& context, std::vector<Weights> parents, const std::string& formula,
                     const std::string& name);

}  // namespace repro::cli
