#include "tests/train/data/scratch.h"

#include <unistd.h>

#include <cstdlib>

namespace repro::train {

Scratch::Scratch() {
  std::string pattern = (std::filesystem::temp_directory_path() / "repro-data-XXXXXX").string();
  REPRO_CHECK(::mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Scratch::write(std::string_view name, std::string_view bytes) const {
  const std::string file = path(name);
  system_file_system().make_directories(parent_path(file));
  system_file_system().open(file, OpenMode::write)->write(std::as_bytes(std::span(bytes)));
  return file;
}

std::string encode_ids(std::span<const std::uint32_t> ids, int width) {
  std::string bytes;
  for (const std::uint32_t id : ids) {
    for (int i = 0; i < width; ++i) bytes.push_back(static_cast<char>(id >> (8 * i)));
  }
  return bytes;
}

std::string encode_numpy(std::string_view type, std::string_view shape, std::string_view payload,
                         std::string_view fortran_order) {
  std::string header = "{'descr': '" + std::string(type) +
                       "', 'fortran_order': " + std::string(fortran_order) +
                       ", 'shape': " + std::string(shape) + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header.push_back(' ');
  header.push_back('\n');
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes.push_back(static_cast<char>(header.size()));
  bytes.push_back(static_cast<char>(header.size() >> 8));
  return bytes + header + std::string(payload);
}

}  // namespace repro::train
