#include "artifacts/tensor/dtype.h"

#include <algorithm>
#include <array>

#include "artifacts/tensor/safetensors.h"

namespace repro::artifacts {
namespace {

constexpr std::array<DtypeName, 14> kDtypes = {{
    {"bfloat16", "BF16", 2},
    {"bool", "BOOL", 1},
    {"float16", "F16", 2},
    {"float32", "F32", 4},
    {"float64", "F64", 8},
    {"float8_e4m3fn", "F8_E4M3", 1},
    {"float8_e5m2", "F8_E5M2", 1},
    {"int16", "I16", 2},
    {"int32", "I32", 4},
    {"int64", "I64", 8},
    {"int8", "I8", 1},
    {"uint16", "U16", 2},
    {"uint32", "U32", 4},
    {"uint8", "U8", 1},
}};

std::optional<DtypeName> find_by(std::string_view DtypeName::*member, std::string_view text) {
  const auto found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const DtypeName& dtype) { return dtype.*member == text; });
  if (found == kDtypes.end()) return std::nullopt;
  return *found;
}

}  // namespace

std::optional<DtypeName> find_dtype(std::string_view name) {
  return find_by(&DtypeName::name, name);
}

std::optional<DtypeName> find_file_dtype(std::string_view file_name) {
  return find_by(&DtypeName::file_name, file_name);
}

std::optional<std::uint64_t> find_byte_count(const DtypeName& dtype,
                                             std::span<const std::int64_t> shape) {
  std::uint64_t count = dtype.bytes;
  for (std::int64_t dimension : shape) {
    if (dimension < 0 ||
        __builtin_mul_overflow(count, static_cast<std::uint64_t>(dimension), &count)) {
      return std::nullopt;
    }
  }
  return count;
}

std::uint64_t dtype_size(const std::string& dtype) {
  if (const auto known = find_dtype(dtype)) return known->bytes;
  throw Error(Code::unsupported, "unknown dtype \"" + dtype.substr(0, 80) + "\"");
}

}  // namespace repro::artifacts
