#include "tests/support/corrupt.h"

#include <filesystem>
#include <fstream>

#include "artifacts/base/error.h"

namespace repro::support {

void flip_bit(const std::string& path, std::uint64_t bit) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(bit / 8));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(bit / 8));
  file.put(static_cast<char>(byte ^ (1 << (bit % 8))));
  file.close();
  REPRO_CHECK(file.good());
}

void truncate_file(const std::string& path, std::uint64_t size) {
  std::filesystem::resize_file(path, size);
}

void append_to_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  REPRO_CHECK(file.good());
}

std::uint64_t bits_of_file(const std::string& path) { return 8 * std::filesystem::file_size(path); }

}  // namespace repro::support
