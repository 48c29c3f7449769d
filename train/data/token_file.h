// Files that hold token ids: NumPy arrays and bare little-endian integers.
#pragma once

#include <cstdint>
#include <span>

#include "artifacts/base/digest.h"
#include "artifacts/base/file_system.h"
#include "train/data/sources.h"

namespace repro::train {

// Where the ids lie in a file.
struct TokenLayout {
  int width = 0;             // bytes of an id: 2 or 4
  std::uint64_t offset = 0;  // of the first id; 0: the file is nothing but ids
  std::int64_t num_tokens = 0;
};

// Ids at or above this are refused: no vocabulary is that large, and such a value is the mark of a
// file of another type.
inline constexpr std::uint32_t kMaxTokenId = (std::uint32_t{1} << 24) - 1;

// `head` holds the first bytes of the file (all, or at least 64 KiB), `size` is that of the file.
// Error(invalid_argument), naming the file, for a NumPy header that is damaged, for an array of
// another type, order or shape, for a size that is no multiple of the width, and for a file without
// ids.
TokenLayout parse_token_layout(std::span<const std::byte> head, std::uint64_t size,
                               const SourceFile& source);
// Of a file on disk.
TokenLayout read_token_layout(FileSystem& files, const SourceFile& source);

// SHA-256 of the ids as little-endian uint32, in order.
Digest token_digest(std::span<const std::uint32_t> ids);

// The id at index `i` of little-endian ids of `width` bytes.
inline std::uint32_t token_at(std::span<const std::byte> ids, int width, std::size_t i) {
  const std::byte* at = ids.data() + i * static_cast<std::size_t>(width);
  std::uint32_t id = std::to_integer<std::uint32_t>(at[0]) | std::to_integer<std::uint32_t>(at[1])
                                                                 << 8;
  if (width == 4) {
    id |= std::to_integer<std::uint32_t>(at[2]) << 16 | std::to_integer<std::uint32_t>(at[3]) << 24;
  }
  return id;
}

}  // namespace repro::train
