// Archives as torch.save writes them: zip with stored entries only, read strictly from the central
// directory. A library would unpack more than we want to see: what is deflated, encrypted, listed
// twice or overlapping is refused, and entries are spans of the file, not copies. Source: PKWARE,
// APPNOTE.TXT 6.3, "Central directory structure" and "Zip64".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace repro::imports {

struct StoredEntry {
  std::span<const std::byte> bytes;  // of the file
  std::uint32_t crc = 0;             // as the archive says
};

// By name. Borrows `file`. Nothing of the entries is read: see `check_crc`. Error(unsupported) for
// entries that are compressed or encrypted, Error(corruption) for what is no sound archive.
std::map<std::string, StoredEntry> read_stored_zip(std::span<const std::byte> file,
                                                   const std::string& what);

// Error(corruption) where the bytes are not those that were written.
void check_crc(const StoredEntry& entry, const std::string& what);

// CRC-32 of ISO 3309 (polynomial 0xEDB88320 reflected), as in zip.
std::uint32_t crc32(std::span<const std::byte> bytes);

}  // namespace repro::imports
