// Whether two checkpoints have the same weights, where 0 and -0 count as one.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "artifacts/base/file_system.h"
#include "verify/olmo_checkpoint.h"

namespace repro::verify {

// The first tensor, by name, that only one has or whose dtype, shape or values differ; nullopt
// where none does. Reads both files mapped. Errors: those of the file system.
std::optional<std::string> find_unequal_weight(FileSystem& files, const OlmoCheckpoint& a,
                                               const OlmoCheckpoint& b);

// Elements of `element_bytes` (2, 4 or 8) whose highest bit is a sign and whose other bits are all
// 0 for zero, little-endian, as of all IEEE formats. Sizes are equal.
bool equal_but_for_zeros(std::span<const std::byte> a, std::span<const std::byte> b,
                         std::size_t element_bytes);

}  // namespace repro::verify
