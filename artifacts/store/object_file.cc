#include "artifacts/store/object_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "artifacts/base/number_text.h"

namespace repro::artifacts {
namespace {

constexpr std::string_view kMagic = "reprobj1";
constexpr std::size_t kCodecAt = 8;
constexpr std::size_t kFlagsAt = 12;
constexpr std::size_t kRawSizeAt = 16;
constexpr std::size_t kStoredSizeAt = 24;
constexpr std::size_t kRawDigestAt = 32;
constexpr std::size_t kStoredDigestAt = 64;
constexpr std::size_t kCheckAt = 96;
constexpr std::size_t kMaxLinkBytes = 4096 + 32;  // PATH_MAX and a number

// A zstd block holds at most 128 KiB and takes at least 3 bytes: no frame grows faster.
constexpr std::uint64_t kZstdBlockBytes = 131072;
constexpr std::uint64_t kZstdMinBlockBytes = 3;

using TrailerBytes = std::array<std::byte, ObjectTrailer::kSize>;

void put_number(TrailerBytes& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) bytes[at + i] = std::byte(value >> (8 * i));
}

std::uint64_t number_at(const TrailerBytes& bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i);
  }
  return value;
}

void put_digest(TrailerBytes& bytes, std::size_t at, const Digest& digest) {
  std::memcpy(bytes.data() + at, digest.bytes.data(), Digest::kSize);
}

Digest digest_at(const TrailerBytes& bytes, std::size_t at) {
  Digest digest;
  std::memcpy(digest.bytes.data(), bytes.data() + at, Digest::kSize);
  return digest;
}

void check_sizes(const ObjectTrailer& trailer, std::uint64_t file_size, const ObjectPlace& place) {
  if (trailer.stored_size != file_size - ObjectTrailer::kSize) {
    throw object_corruption(place, "the file has " + std::to_string(file_size) + " bytes, but " +
                                       std::to_string(trailer.stored_size) + " + " +
                                       std::to_string(ObjectTrailer::kSize) + " are expected");
  }
  bool possible = true;
  switch (trailer.codec) {
    case Codec::raw:
      possible =
          trailer.raw_size == trailer.stored_size && trailer.raw_digest == trailer.stored_digest;
      break;
    case Codec::zstd:
      possible = trailer.raw_size / kZstdBlockBytes <= trailer.stored_size / kZstdMinBlockBytes;
      break;
    case Codec::linked:
      possible = trailer.stored_size <= kMaxLinkBytes;
      break;
  }
  if (!possible) {
    throw object_corruption(place, "its trailer claims a size or digest that cannot be");
  }
}

// Field checks in the order in which the fields can be trusted.
ObjectTrailer parse_trailer(const TrailerBytes& bytes, const ObjectPlace& place) {
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    throw object_corruption(place, "it does not end with an object trailer");
  }
  if (sha256(std::span(bytes).first(kCheckAt)) != digest_at(bytes, kCheckAt)) {
    throw object_corruption(place, "its trailer is damaged");
  }
  const std::uint64_t codec = number_at(bytes, kCodecAt, 4);
  const std::uint64_t flags = number_at(bytes, kFlagsAt, 4);
  if (codec > static_cast<std::uint64_t>(Codec::linked) || flags != 0) {
    throw Error(Code::unsupported,
                "object " + place.digest.hex() + " in " + place.path + " uses codec " +
                    std::to_string(codec) + ", flags " + std::to_string(flags) +
                    ", which this version of repro does not know",
                "use the version of repro that wrote the store, or a newer one");
  }
  ObjectTrailer trailer;
  trailer.codec = static_cast<Codec>(codec);
  trailer.raw_size = number_at(bytes, kRawSizeAt, 8);
  trailer.stored_size = number_at(bytes, kStoredSizeAt, 8);
  trailer.raw_digest = digest_at(bytes, kRawDigestAt);
  trailer.stored_digest = digest_at(bytes, kStoredDigestAt);
  if (trailer.raw_digest != place.digest) {
    throw object_corruption(place, "the file holds the object " + trailer.raw_digest.hex());
  }
  return trailer;
}

FileStatus regular_status(FileSystem& files, const ObjectPlace& place) {
  const auto folder = files.find_status(parent_path(place.path));
  const auto status = files.find_status(place.path);
  if (!status) {
    throw Error(Code::not_found, "object " + place.digest.hex() + " is not in the store",
                "its file would be " + place.path +
                    "; run `repro fsck` to see what refers to it, or add the data again");
  }
  if (folder && folder->kind == FileKind::symlink) {
    throw object_corruption(place, "its folder is a symlink, which a store never has");
  }
  if (status->kind != FileKind::regular) {
    throw object_corruption(place, "it is not a regular file");
  }
  return *status;
}

}  // namespace

std::array<std::byte, ObjectTrailer::kSize> encode_trailer(const ObjectTrailer& trailer) {
  TrailerBytes bytes{};
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  put_number(bytes, kCodecAt, static_cast<std::uint64_t>(trailer.codec), 4);
  put_number(bytes, kFlagsAt, 0, 4);
  put_number(bytes, kRawSizeAt, trailer.raw_size, 8);
  put_number(bytes, kStoredSizeAt, trailer.stored_size, 8);
  put_digest(bytes, kRawDigestAt, trailer.raw_digest);
  put_digest(bytes, kStoredDigestAt, trailer.stored_digest);
  put_digest(bytes, kCheckAt, sha256(std::span(bytes).first(kCheckAt)));
  return bytes;
}

Error object_corruption(const ObjectPlace& place, const std::string& why) {
  return Error(
      Code::corruption,
      "object " + place.digest.hex() + " is damaged: " + why + " (file " + place.path + ")",
      "run `repro fsck` to see what refers to it; then remove the file and add the same "
      "data again, or copy the file from a sound store");
}

std::size_t read_fully(File& file, std::span<std::byte> into) {
  std::size_t used = 0;
  while (used < into.size()) {
    const std::size_t count = file.read(into.subspan(used));
    if (count == 0) break;
    used += count;
  }
  return used;
}

OpenObject open_object(FileSystem& files, const ObjectPlace& place) {
  const FileStatus status = regular_status(files, place);
  OpenObject object;
  object.file = files.open(place.path, OpenMode::read);
  const FileStatus opened = object.file->status();
  if (opened.kind != FileKind::regular) throw object_corruption(place, "it is not a regular file");
  if (opened.size < ObjectTrailer::kSize) {
    throw object_corruption(place, "the file has only " + std::to_string(status.size) + " bytes");
  }
  object.file->seek(opened.size - ObjectTrailer::kSize);
  TrailerBytes bytes{};
  if (read_fully(*object.file, bytes) != bytes.size()) {
    throw object_corruption(place, "the file became shorter while it was read");
  }
  object.trailer = parse_trailer(bytes, place);
  check_sizes(object.trailer, opened.size, place);
  object.file->seek(0);
  return object;
}

std::string encode_link(const LinkTarget& target) {
  return target.path + "\n" + std::to_string(target.size);
}

LinkTarget read_link(OpenObject& object, const ObjectPlace& place) {
  std::string text(object.trailer.stored_size, '\0');  // capped by check_sizes
  if (read_fully(*object.file, std::as_writable_bytes(std::span(text))) != text.size() ||
      sha256(text) != object.trailer.stored_digest) {
    throw object_corruption(place, "its stored bytes do not have their digest");
  }
  const auto newline = text.find('\n');
  LinkTarget target;
  target.path = text.substr(0, newline);
  target.size = object.trailer.raw_size;
  if (!target.path.starts_with('/') || encode_link(target) != text) {
    throw object_corruption(place, "its link is malformed");
  }
  return target;
}

}  // namespace repro::artifacts
