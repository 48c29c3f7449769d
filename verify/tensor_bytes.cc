#include "verify/tensor_bytes.h"

#include <algorithm>

#include "artifacts/base/error.h"

namespace repro::verify {

std::span<const std::byte> TensorBytes::of(const OlmoCheckpoint::Tensor& tensor) {
  auto& mapping = mappings_[tensor.file];
  if (mapping == nullptr) mapping = files_.map(tensor.file);
  const std::uint64_t size = tensor.info.end - tensor.info.begin;
  const std::uint64_t there = mapping->bytes().size();
  if (tensor.offset > there || size > there - tensor.offset) {
    throw Error(Code::conflict, tensor.file + " changed while it was read");
  }
  return mapping->bytes().subspan(tensor.offset, size);
}

std::span<const std::byte> piece_of(std::span<const std::byte> tensor, std::size_t begin,
                                    std::size_t element_bytes) {
  const std::span<const std::byte> rest = tensor.subspan(begin * element_bytes);
  return rest.first(std::min(rest.size(), kPieceElements * element_bytes));
}

}  // namespace repro::verify
