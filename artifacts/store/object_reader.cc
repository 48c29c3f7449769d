#include "artifacts/store/object_reader.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "artifacts/store/zstd_codec.h"

namespace repro::artifacts {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // large enough for SHA-NI's full speed

using PieceSink = std::function<void(std::span<const std::byte>)>;

// Hands over exactly `size` bytes from the file's position; returns how many there were.
std::uint64_t stream(File& file, std::uint64_t size, const PieceSink& piece) {
  std::vector<std::byte> buffer(std::min<std::uint64_t>(size, kPieceBytes));
  std::uint64_t done = 0;
  while (done < size) {
    const auto want = std::min<std::uint64_t>(size - done, buffer.size());
    const std::size_t count = file.read(std::span(buffer).first(want));
    if (count == 0) break;
    piece(std::span(buffer).first(count));
    done += count;
  }
  return done;
}

void read_raw(const ObjectPlace& place, OpenObject& object, const PieceSink& piece) {
  Sha256 hasher;
  stream(*object.file, object.trailer.stored_size, [&](std::span<const std::byte> bytes) {
    hasher.update(bytes);
    piece(bytes);
  });
  if (hasher.finish() != place.digest) {
    throw object_corruption(place, "its bytes do not have the digest it is named by");
  }
}

// Both digests are checked: a flipped bit in the coded form may decode to the same bytes.
void read_zstd(const ObjectPlace& place, OpenObject& object, const PieceSink& piece) {
  Sha256 stored;
  Sha256 raw;
  ZstdDecoder decoder(object.trailer.raw_size);
  std::uint64_t raw_size = 0;
  bool sound = true;
  const auto take = [&](std::span<const std::byte> bytes) {
    raw_size += bytes.size();
    if (raw_size > object.trailer.raw_size) {
      throw object_corruption(place, "it decodes to more bytes than it claims");
    }
    raw.update(bytes);
    piece(bytes);
  };
  stream(*object.file, object.trailer.stored_size, [&](std::span<const std::byte> bytes) {
    stored.update(bytes);
    sound = sound && decoder.update(bytes, take);
  });
  if (stored.finish() != object.trailer.stored_digest) {
    throw object_corruption(place, "its stored bytes do not have their digest");
  }
  if (!sound || !decoder.finished() || raw_size != object.trailer.raw_size ||
      raw.finish() != place.digest) {
    throw object_corruption(place, "it does not decode to the bytes it is named by");
  }
}

std::optional<std::string> find_link_problem(FileSystem& files, const LinkTarget& target) {
  const auto status = files.find_status(target.path);
  if (!status) return "does not exist any more";
  if (status->kind == FileKind::symlink) return "is a symlink now";
  if (status->kind != FileKind::regular) return "is not a regular file";
  if (status->size != target.size) {
    return "has " + std::to_string(status->size) + " bytes instead of " +
           std::to_string(target.size);
  }
  return std::nullopt;
}

Error link_corruption(const ObjectPlace& place, const LinkTarget& target, const std::string& why) {
  return object_corruption(place,
                           "the file it was added from in place, " + target.path + ", " + why)
      .set_hint(
          "put the file back as it was, or add the same data again with --copy; run "
          "`repro fsck` to see what refers to it");
}

void read_linked(FileSystem& files, const ObjectPlace& place, OpenObject& object,
                 const PieceSink& piece) {
  const LinkTarget target = read_link(object, place);
  if (const auto problem = find_link_problem(files, target)) {
    throw link_corruption(place, target, *problem);
  }
  const auto file = files.open(target.path, OpenMode::read);
  if (file->status().kind != FileKind::regular) {
    throw link_corruption(place, target, "is not a regular file");
  }
  Sha256 hasher;
  stream(*file, target.size, [&](std::span<const std::byte> bytes) {
    hasher.update(bytes);
    piece(bytes);
  });
  if (hasher.finish() != place.digest) throw link_corruption(place, target, "has other bytes now");
}

}  // namespace

void read_object(FileSystem& files, const ObjectPlace& place, OpenObject& object,
                 const PieceSink& piece) {
  switch (object.trailer.codec) {
    case Codec::raw:
      return read_raw(place, object, piece);
    case Codec::zstd:
      return read_zstd(place, object, piece);
    case Codec::linked:
      return read_linked(files, place, object, piece);
  }
}

std::optional<std::string> find_plain_path(FileSystem& files, const ObjectPlace& place,
                                           OpenObject& object) {
  if (object.trailer.codec == Codec::zstd) return std::nullopt;
  if (object.trailer.codec == Codec::raw) return place.path;
  LinkTarget target = read_link(object, place);
  if (const auto problem = find_link_problem(files, target)) {
    throw link_corruption(place, target, *problem);
  }
  return std::move(target.path);
}

bool is_object_usable(FileSystem& files, const ObjectPlace& place, bool allow_link) {
  if (!files.find_status(place.path)) return false;
  try {
    OpenObject object = open_object(files, place);
    if (object.trailer.codec != Codec::linked) return true;
    return allow_link && !find_link_problem(files, read_link(object, place));
  } catch (const Error& error) {
    if (error.code() == Code::corruption || error.code() == Code::not_found) return false;
    throw;
  }
}

}  // namespace repro::artifacts
