#include "train/data/token_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"

namespace repro::train {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kHeadBytes = 65536 + 16;  // the header of format 1.0 is at most 64 KiB

[[noreturn]] void refuse(const SourceFile& source, const std::string& why) {
  throw Error(Code::invalid_argument, source.path + ": " + why,
              "token files are one-dimensional little-endian uint16 or uint32 arrays");
}

// The text of the value of 'key' in the header's dictionary, up to `end` (exclusive).
std::string_view header_value(std::string_view header, std::string_view key, char end,
                              const SourceFile& source) {
  const auto at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) refuse(source, fmt::format("NumPy header without {}", key));
  std::string_view value = header.substr(at + key.size() + 3);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  const auto stop = value.find(end);
  if (stop == std::string_view::npos) refuse(source, fmt::format("NumPy header: bad {}", key));
  return value.substr(0, stop);
}

int parse_width(std::string_view header, const SourceFile& source) {
  const std::string_view type = header_value(header, "descr", ',', source);
  if (type == "'<u2'") return 2;
  if (type == "'<u4'") return 4;
  refuse(source, fmt::format("array of type {}, not '<u2' or '<u4'", type));
}

std::int64_t parse_length(std::string_view header, const SourceFile& source) {
  const std::string_view shape = header_value(header, "shape", ')', source);
  if (!shape.starts_with('(') || !shape.ends_with(',')) {
    refuse(source, fmt::format("array of shape {}), not one-dimensional", shape));
  }
  const auto length = find_integer(shape.substr(1, shape.size() - 2));
  if (!length || *length < 0) refuse(source, fmt::format("NumPy header: bad shape {})", shape));
  return *length;
}

TokenLayout parse_numpy(std::string_view head, std::uint64_t size, const SourceFile& source) {
  const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(head[i])}; };
  if (head.size() < 12) refuse(source, "NumPy header is cut off");
  const bool wide = byte(6) >= 2;  // formats 2.0 and 3.0 have a length of four bytes
  if (byte(6) < 1 || byte(6) > 3) refuse(source, "unknown version of the NumPy format");
  const std::size_t begin = wide ? 12 : 10;
  const std::size_t length = byte(8) | byte(9) << 8 | (wide ? byte(10) << 16 | byte(11) << 24 : 0);
  if (length > head.size() - begin) refuse(source, "NumPy header is cut off or too long");
  const std::string_view header = head.substr(begin, length);
  if (header_value(header, "fortran_order", ',', source) != "False") {
    refuse(source, "array in Fortran order");
  }
  TokenLayout layout{.width = parse_width(header, source),
                     .offset = begin + length,
                     .num_tokens = parse_length(header, source)};
  const std::uint64_t payload = size - layout.offset;
  const auto width = static_cast<std::uint64_t>(layout.width);
  if (payload % width != 0 || static_cast<std::uint64_t>(layout.num_tokens) != payload / width) {
    refuse(source, fmt::format("the header says {} ids of {} bytes, {} bytes follow",
                               layout.num_tokens, layout.width, payload));
  }
  return layout;
}

TokenLayout parse_bare(std::uint64_t size, const SourceFile& source) {
  const int width = source.kind == SourceKind::u16 ? 2 : 4;
  if (size % static_cast<std::uint64_t>(width) != 0) {
    refuse(source, fmt::format("{} bytes are no multiple of {}", size, width));
  }
  return {.width = width,
          .offset = 0,
          .num_tokens = static_cast<std::int64_t>(size / static_cast<std::uint64_t>(width))};
}

}  // namespace

TokenLayout parse_token_layout(std::span<const std::byte> head, std::uint64_t size,
                               const SourceFile& source) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  const bool numpy = source.kind == SourceKind::npy && text.starts_with(kMagic);
  const TokenLayout layout = numpy ? parse_numpy(text, size, source) : parse_bare(size, source);
  if (layout.num_tokens == 0) refuse(source, "holds no token id");
  return layout;
}

TokenLayout read_token_layout(FileSystem& files, const SourceFile& source) {
  const auto file = files.open(source.path, OpenMode::read);
  std::vector<std::byte> head(kHeadBytes);
  std::size_t used = 0;
  while (used < head.size()) {
    const std::size_t count = file->read(std::span(head).subspan(used));
    if (count == 0) break;
    used += count;
  }
  return parse_token_layout(std::span(head).first(used), source.status.size, source);
}

Digest token_digest(std::span<const std::uint32_t> ids) {
  std::string bytes;
  bytes.reserve(ids.size() * 4);
  for (const std::uint32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(id >> shift));
  }
  return sha256(bytes);
}

}  // namespace repro::train
