#include "tests/support/temporary_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"

namespace repro::support {
namespace {

constexpr std::uintmax_t kMinFreeBytes = std::uintmax_t{1} << 30;

// Memory where there is enough of it: the tests call fsync tens of thousands of times.
std::filesystem::path parent_folder() {
  const char* const memory = "/dev/shm";
  std::error_code error;
  const auto space = std::filesystem::space(memory, error);
  if (!find_environment("TMPDIR") && !error && space.available >= kMinFreeBytes) return memory;
  return std::filesystem::temp_directory_path();
}

}  // namespace

TemporaryFolder::TemporaryFolder() : path_((parent_folder() / "repro-test-XXXXXX").string()) {
  REPRO_CHECK(::mkdtemp(path_.data()) != nullptr);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::operator/(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

std::string TemporaryFolder::write(std::string_view name, std::string_view bytes) const {
  std::string path = *this / name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  REPRO_CHECK(file.good());
  return path;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace repro::support
