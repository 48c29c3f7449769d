// The section "model" of a configuration by itself, for manifests that hold no more of it. Internal
// to this folder.
#pragma once

#include <string_view>

#include "artifacts/base/json.h"
#include "manifests/model_config.h"

namespace repro::manifests {

// Canonical, as in a configuration.
Json model_config_json(const ModelConfig& model);
// Strict; Error(corruption).
ModelConfig model_config_from_json(const Json& json, std::string_view what);

}  // namespace repro::manifests
