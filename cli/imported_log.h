// Logs that `import log` took in.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "artifacts/store/store.h"
#include "manifests/imported_log.h"
#include "manifests/record.h"

namespace repro::cli {

inline constexpr const char* kLogRefs = "logs";

struct LoadedLog {
  manifests::ImportedLog log;
  std::vector<manifests::Record> records;
};

// nullopt where no imported log has that name. Error(corruption) where it is damaged.
std::optional<LoadedLog> find_imported_log(const artifacts::Store& store, std::string_view name);

}  // namespace repro::cli
