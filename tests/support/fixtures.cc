#include "tests/support/fixtures.h"

#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"

namespace repro::support {

std::optional<std::string> find_fixture(std::string_view name) {
  const std::string source = find_environment("REPRO_SOURCE_DIR").value_or(".");
  const std::string folder =
      find_environment("REPRO_FIXTURES").value_or(source + "/../shared/fixtures");
  const std::string path = join_path(folder, name);
  if (!system_file_system().exists(path)) return std::nullopt;
  return system_file_system().read_file(path);
}

bool fixtures_are_required() { return find_environment("CI").has_value(); }

}  // namespace repro::support
