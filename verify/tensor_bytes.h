// Bytes of tensors in the files of checkpoints, and walking over them in bounded memory.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "artifacts/base/file_system.h"
#include "verify/olmo_checkpoint.h"

namespace repro::verify {

// Each file is mapped once, when it is first asked for. One thread.
class TensorBytes {
 public:
  explicit TensorBytes(FileSystem& files) : files_(files) {}

  // Valid as long as this object. Error(conflict) where the file became shorter since it was read.
  std::span<const std::byte> of(const OlmoCheckpoint::Tensor& tensor);

 private:
  FileSystem& files_;
  std::map<std::string, std::unique_ptr<Mapping>> mappings_;
};

// Elements of a tensor that are looked at together: a mebibyte of float32.
inline constexpr std::size_t kPieceElements = std::size_t{1} << 18;

// The bytes of elements [begin, begin + kPieceElements), fewer at the end.
std::span<const std::byte> piece_of(std::span<const std::byte> tensor, std::size_t begin,
                                    std::size_t element_bytes);

}  // namespace repro::verify
