// What a model that was imported from Hugging Face keeps of its folder in the settings of its
// origin (manifests/model.h), so that the folder can be written again: ids that have no other
// place, and the dtype of the weights. Keys: "dtype", "bos_token_id", "pad_token_id", "revision".
#pragma once

#include <map>
#include <string>

#include "imports/hf_config.h"

namespace repro::cli {

using HfSettings = std::map<std::string, std::string>;

// `revision`: as the person names it; "": not said.
HfSettings make_hf_settings(const imports::HfConfig& config, const std::string& dtype,
                            const std::string& revision);
// Sets what the settings say and leaves the rest: a model of another origin says nothing, and then
// padding is the end of a text.
void read_hf_settings(const HfSettings& settings, imports::HfConfig& config, std::string& dtype);

}  // namespace repro::cli
