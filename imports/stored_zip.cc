#include "imports/stored_zip.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"

namespace repro::imports {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint64_t kMaxEntries = 1'000'000;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kLocatorBytes = 20;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kCentralBytes = 46;
constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint32_t kNarrow = 0xFFFFFFFF;  // the value is in the zip64 field

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t entries = 0;
};

// An entry of the central directory; sizes as the zip64 field has them.
struct Central {
  std::string name;
  std::uint64_t flags = 0;
  std::uint64_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed = 0;
  std::uint64_t size = 0;
  std::uint64_t local = 0;   // offset of the local header
  std::uint64_t length = 0;  // of this entry
};

class ZipReader {
 public:
  ZipReader(Bytes file, const std::string& what) : file_(file), what_(what) {}
  std::map<std::string, StoredEntry> read();

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(Code::corruption, what_ + " is no sound archive: " + why);
  }
  std::uint64_t number(std::uint64_t offset, int bytes) const {
    if (offset > file_.size() || static_cast<std::uint64_t>(bytes) > file_.size() - offset) {
      fail("it is cut off");
    }
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      value |= std::to_integer<std::uint64_t>(file_[offset + static_cast<std::uint64_t>(i)])
               << (8 * i);
    }
    return value;
  }
  void need_signature(std::uint64_t offset, std::uint32_t signature, const std::string& of) const {
    if (number(offset, 4) != signature) fail(of + " is not where it must be");
  }
  std::string text(std::uint64_t offset, std::uint64_t size) const {
    if (offset > file_.size() || size > file_.size() - offset) fail("it is cut off");
    return {reinterpret_cast<const char*>(file_.data()) + offset, static_cast<std::size_t>(size)};
  }

  Directory find_directory() const;
  Central read_central(std::uint64_t offset) const;
  void widen(Central& entry, std::uint64_t begin, std::uint64_t end) const;
  std::uint64_t data_offset(const Central& entry) const;

  Bytes file_;
  const std::string& what_;
};

// The end record closes the file: torch.save writes no comment.
Directory ZipReader::find_directory() const {
  if (file_.size() < kEndBytes) fail("it has only " + std::to_string(file_.size()) + " bytes");
  const std::uint64_t end = file_.size() - kEndBytes;
  need_signature(end, 0x06054B50, "its end record");
  if (number(end + 4, 2) != 0 || number(end + 6, 2) != 0) fail("it has several volumes");
  Directory directory = {number(end + 16, 4), number(end + 12, 4), number(end + 10, 2)};
  std::uint64_t behind = end;
  if (end >= kLocatorBytes && number(end - kLocatorBytes, 4) == 0x07064B50) {
    const std::uint64_t end64 = number(end - kLocatorBytes + 8, 8);
    if (end - kLocatorBytes < kEnd64Bytes || end64 > end - kLocatorBytes - kEnd64Bytes) {
      fail("its zip64 end record lies outside of it");
    }
    need_signature(end64, 0x06064B50, "its zip64 end record");
    directory = {number(end64 + 48, 8), number(end64 + 40, 8), number(end64 + 32, 8)};
    behind = end64;
  }
  if (directory.offset > behind || directory.size != behind - directory.offset) {
    fail("its central directory does not fill the place before the end record");
  }
  if (directory.entries > kMaxEntries || directory.entries > directory.size / kCentralBytes) {
    fail("it claims " + std::to_string(directory.entries) + " entries");
  }
  return directory;
}

Central ZipReader::read_central(std::uint64_t offset) const {
  need_signature(offset, 0x02014B50, "an entry of its central directory");
  const std::uint64_t name = number(offset + 28, 2);
  const std::uint64_t extra = number(offset + 30, 2);
  const std::uint64_t comment = number(offset + 32, 2);
  Central entry;
  entry.flags = number(offset + 8, 2);
  entry.method = number(offset + 10, 2);
  entry.crc = static_cast<std::uint32_t>(number(offset + 16, 4));
  entry.packed = number(offset + 20, 4);
  entry.size = number(offset + 24, 4);
  entry.local = number(offset + 42, 4);
  entry.name = text(offset + kCentralBytes, name);
  entry.length = kCentralBytes + name + extra + comment;
  widen(entry, offset + kCentralBytes + name, offset + kCentralBytes + name + extra);
  return entry;
}

// Reads the zip64 field, which holds, in this order, the values that do not fit 32 bits.
void ZipReader::widen(Central& entry, std::uint64_t begin, std::uint64_t end) const {
  constexpr std::uint64_t kZip64 = 1;
  while (begin + 4 <= end) {
    const std::uint64_t kind = number(begin, 2);
    const std::uint64_t stop = begin + 4 + number(begin + 2, 2);
    if (stop > end) fail("an extra field is longer than its entry");
    std::uint64_t at = begin + 4;
    begin = stop;
    if (kind != kZip64) continue;
    for (std::uint64_t* value : {&entry.size, &entry.packed, &entry.local}) {
      if (*value != kNarrow) continue;
      if (at + 8 > stop) fail("a zip64 field is too short");
      *value = number(at, 8);
      at += 8;
    }
    return;
  }
}

// The local header repeats the name; its extra field pads the data to 64 bytes.
std::uint64_t ZipReader::data_offset(const Central& entry) const {
  need_signature(entry.local, 0x04034B50, "a local header");
  const std::uint64_t name = number(entry.local + 26, 2);
  if (text(entry.local + kLocalBytes, name) != entry.name) {
    fail("an entry has two names");
  }
  return entry.local + kLocalBytes + name + number(entry.local + 28, 2);
}

std::map<std::string, StoredEntry> ZipReader::read() {
  const Directory directory = find_directory();
  std::map<std::string, StoredEntry> entries;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;  // begin, end
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    const Central entry = read_central(at);
    at += entry.length;
    constexpr std::uint64_t kEncrypted = 1;
    if (entry.method != 0 || (entry.flags & kEncrypted) != 0) {
      throw Error(Code::unsupported, what_ + " has an entry that is compressed or encrypted",
                  "torch.save only stores; save it again with torch");
    }
    const std::uint64_t begin = data_offset(entry);
    if (entry.packed != entry.size) fail("an entry has two sizes");
    if (begin > directory.offset || entry.size > directory.offset - begin) {
      fail("an entry reaches into its central directory");
    }
    places.emplace_back(entry.local, begin + entry.size);
    const StoredEntry stored = {file_.subspan(begin, entry.size), entry.crc};
    if (!entries.emplace(entry.name, stored).second) fail("it has two entries of one name");
  }
  if (at != directory.offset + directory.size) fail("its central directory has another size");
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i) {
    if (places[i].first < places[i - 1].second) fail("its entries overlap");
  }
  return entries;
}

// Eight tables, so that eight bytes are taken at once: F. Kounavis and F. Berry, "Novel Table
// Lookup-Based Algorithms for High-Performance CRC Generation", 2008 ("slicing by 8").
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
    tables[0][i] = value;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t value = tables[k - 1][i];
      tables[k][i] = (value >> 8) ^ tables[0][value & 0xFF];
    }
  }
  return tables;
}

}  // namespace

std::map<std::string, StoredEntry> read_stored_zip(Bytes file, const std::string& what) {
  return ZipReader(file, what).read();
}

void check_crc(const StoredEntry& entry, const std::string& what) {
  if (crc32(entry.bytes) == entry.crc) return;
  throw Error(Code::corruption, what + ": its bytes do not have the checksum of the archive",
              "take the file again from where it came");
}

std::uint32_t crc32(Bytes bytes) {
  static constexpr Tables kTables = make_tables();
  std::uint32_t crc = 0xFFFFFFFF;
  std::size_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);  // little-endian, as the machine is
    word ^= crc;
    const auto part = [&](std::size_t k) { return kTables[7 - k][(word >> (8 * k)) & 0xFF]; };
    crc = part(0) ^ part(1) ^ part(2) ^ part(3) ^ part(4) ^ part(5) ^ part(6) ^ part(7);
  }
  for (; at < bytes.size(); ++at) {
    crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(bytes[at])) & 0xFF];
  }
  return ~crc;
}

}  // namespace repro::imports
