// What a recipe keeps of the configuration of another trainer that it was imported from
// (docs/imports.md).
#pragma once

#include <map>
#include <string>
#include <vector>

namespace repro::manifests {

// Settings by their names there ("data.paths"), each a text or a list of texts.
using Notes = std::map<std::string, std::vector<std::string>>;

}  // namespace repro::manifests
