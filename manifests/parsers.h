// Manifests from JSON that is known to be canonical, for callers that hold it already. Internal to
// this folder.
#pragma once

#include <string_view>

#include "artifacts/base/json.h"
#include "manifests/dataset.h"
#include "manifests/imported_log.h"
#include "manifests/model.h"
#include "manifests/run.h"
#include "manifests/state.h"

namespace repro::manifests {

Dataset dataset_from_json(const Json& json, std::string_view what);
ImportedLog imported_log_from_json(const Json& json, std::string_view what);
Model model_from_json(const Json& json, std::string_view what);
State state_from_json(const Json& json, std::string_view what);
Derivation derivation_from_json(const Json& json, std::string_view what);
Run run_from_json(const Json& json, std::string_view what);

Json derivation_json(const Derivation& derivation);
Json run_json(const Run& run);
// Everything that must hold whether the values were read or are about to be written.
void check_run(const Run& run, std::string_view what);

}  // namespace repro::manifests
