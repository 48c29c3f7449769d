// Names of dtypes: ours ("float32", docs/formats.md) and those of safetensors files ("F32").
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/error.h"

namespace repro::artifacts {

struct DtypeName {
  std::string_view name;
  std::string_view file_name;  // in safetensors
  std::uint64_t bytes = 0;
};

// nullopt for unknown names.
std::optional<DtypeName> find_dtype(std::string_view name);
std::optional<DtypeName> find_file_dtype(std::string_view file_name);

// Bytes of a tensor; nullopt for a negative dimension or where it does not fit 64 bits.
std::optional<std::uint64_t> find_byte_count(const DtypeName& dtype,
                                             std::span<const std::int64_t> shape);

}  // namespace repro::artifacts
