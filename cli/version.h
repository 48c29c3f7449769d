// What this program is; values come from a source that the build generates (cmake/version.cmake).
#pragma once

#include <string>

namespace repro::cli {

struct Version {
  std::string version;  // "0.1.0"
  std::string
      commit;  // of the source, "+dirty" where tracked files differ; "" outside a repository
  std::string build_id;  // hex digest of compiler, flags and commit: no path, no time
  std::string compiler;  // "GNU 12.2.0"
};
Version build_version();

}  // namespace repro::cli
