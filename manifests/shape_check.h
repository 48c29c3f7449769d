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

// What differs ("missing X", "extra X", "X is float32 [2,3], not ..."), at most 30 and the count of
// the others ("and 5 more"). Names are printable or are made so.
std::vector<std::string> list_shape_differences(const std::vector<NamedShape>& expected,
                                                const std::vector<NamedShape>& present);
// The same as text, each behind "\n  "; "" where nothing differs.
std::string shape_differences(const std::vector<NamedShape>& expected,
                              const std::vector<NamedShape>& present);

// The weights of `model`, float32, in name order.
std::vector<NamedShape> weight_shapes(const ModelConfig& model);
// Error(corruption) that lists what is missing, extra and mis-shaped. `present`: weights alone;
// their dtypes are not looked at.
void check_weight_shapes(const ModelConfig& model, std::vector<NamedShape> present,
                         std::string_view what);

}  // namespace repro::manifests
