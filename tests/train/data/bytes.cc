#include "tests/train/data/bytes.h"

namespace repro::train {

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
