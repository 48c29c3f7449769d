#include "verify/weights_equal.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "artifacts/base/error.h"

namespace repro::verify {
namespace {

// Bytes of tensors, each file mapped once.
class TensorBytes {
 public:
  explicit TensorBytes(FileSystem& files) : files_(files) {}

  std::span<const std::byte> of(const OlmoCheckpoint::Tensor& tensor) {
    auto& mapping = mappings_[tensor.file];
    if (mapping == nullptr) mapping = files_.map(tensor.file);
    const std::uint64_t size = tensor.info.end - tensor.info.begin;
    if (tensor.offset + size > mapping->bytes().size()) {
      throw Error(Code::conflict, tensor.file + " changed while it was read");
    }
    return mapping->bytes().subspan(tensor.offset, size);
  }

 private:
  FileSystem& files_;
  std::map<std::string, std::unique_ptr<Mapping>> mappings_;
};

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
  for (const auto& [name, tensor] : a.tensors) {
    const auto found = b.tensors.find(name);
    if (found == b.tensors.end()) return name;
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
  for (const auto& [name, tensor] : b.tensors) {
    if (!a.tensors.contains(name)) return name;
  }
  return std::nullopt;
}

}  // namespace repro::verify
