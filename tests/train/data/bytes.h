// Bytes of token files, and the error of a call.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "artifacts/base/error.h"

namespace repro::train {

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
