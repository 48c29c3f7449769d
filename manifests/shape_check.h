// Whether tensors are those of a model: lists of names and shapes compared.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/model_config.h"

namespace repro::manifests {

struct NamedShape {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
};

// What differs, a line each ("\n  missing X", "\n  extra X", "\n  X is float32 [2,3], not
// ..."), at most 30 lines and the count of the others; "" where nothing does. Names are printable
// or are made so.
std::string shape_differences(const std::vector<NamedShape>& expected,
                              const std::vector<NamedShape>& present);

// The weights of `model`, float32, in name order.
std::vector<NamedShape> weight_shapes(const ModelConfig& model);
// Error(corruption) that lists what is missing, extra and mis-shaped. `present`: weights alone;
// their dtypes are not looked at.
void check_weight_shapes(const ModelConfig& model, std::vector<NamedShape> present,
                         std::string_view what);

}  // namespace repro::manifests
