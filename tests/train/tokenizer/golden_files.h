// tests/golden/tokenizer for tests.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"

namespace repro::train {

inline std::string read_golden(const std::string& name) {
  const std::string root = find_environment("REPRO_SOURCE_DIR").value_or("..");
  return system_file_system().read_file(join_path(root, "tests/golden/tokenizer/" + name));
}

}  // namespace repro::train
