// A folder of the test's own, removed at its end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"

namespace repro::train {

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  // Writes a file, with the folders it lies in; its path.
  std::string write(std::string_view name, std::string_view bytes) const;

 private:
  std::string folder_;
};

// Little-endian ids of `width` bytes.
std::string encode_ids(std::span<const std::uint32_t> ids, int width);
// The bytes of a NumPy file, format 1.0.
std::string encode_numpy(std::string_view type, std::string_view shape, std::string_view payload,
                         std::string_view fortran_order = "False");

// The error of a call, or an internal error "no error".
template <typename Function>
Error catch_error(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  return Error(Code::internal, "no error");
}

}  // namespace repro::train
