#include "verify/weights_equal.h"

#include <algorithm>
#include <cstring>

#include "artifacts/base/error.h"
#include "verify/tensor_bytes.h"

namespace repro::verify {
namespace {

bool is_float(const std::string& dtype) { return dtype.find("float") != std::string::npos; }

}  // namespace

bool equal_but_for_zeros(std::span<const std::byte> a, std::span<const std::byte> b,
                         std::size_t element_bytes) {
  REPRO_CHECK(a.size() == b.size() && a.size() % element_bytes == 0);
  if (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0) return true;
  const auto magnitude_is_zero = [&](std::span<const std::byte> element) {
    for (std::size_t i = 0; i + 1 < element_bytes; ++i) {
      if (element[i] != std::byte{0}) return false;
    }
    return (element[element_bytes - 1] & std::byte{0x7f}) == std::byte{0};
  };
  for (std::size_t at = 0; at < a.size(); at += element_bytes) {
    const auto x = a.subspan(at, element_bytes);
    const auto y = b.subspan(at, element_bytes);
    if (std::memcmp(x.data(), y.data(), element_bytes) == 0) continue;
    if (!magnitude_is_zero(x) || !magnitude_is_zero(y)) return false;
  }
  return true;
}

std::optional<std::string> find_unequal_weight(FileSystem& files, const OlmoCheckpoint& a,
                                               const OlmoCheckpoint& b) {
  TensorBytes bytes(files);
  for (const auto& [name, tensor] : a.weights()) {
    const auto found = b.weights().find(name);
    if (found == b.weights().end()) return name;
    const artifacts::TensorInfo& x = tensor.info;
    const artifacts::TensorInfo& y = found->second.info;
    if (x.dtype != y.dtype || x.shape != y.shape) return name;
    const auto left = bytes.of(tensor);
    const auto right = bytes.of(found->second);
    const bool equal = is_float(x.dtype)
                           ? equal_but_for_zeros(left, right, artifacts::dtype_size(x.dtype))
                           : std::equal(left.begin(), left.end(), right.begin(), right.end());
    if (!equal) return name;
  }
  for (const auto& [name, tensor] : b.weights()) {
    if (!a.weights().contains(name)) return name;
  }
  return std::nullopt;
}

}  // namespace repro::verify
