// A resolved configuration for people (YAML with comments) and programs.
#pragma once

#include <string_view>

#include "cli/io.h"
#include "manifests/config.h"
#include "manifests/config_keys.h"

namespace repro::cli {

// "deciding", "running", "label".
std::string_view key_class_name(manifests::KeyClass key_class);
// JSON: type "config" with "config" (as it is stored) and "classes" (key -> class).
void print_config(Io& io, const manifests::Config& config);

}  // namespace repro::cli
