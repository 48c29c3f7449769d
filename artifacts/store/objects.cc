// Store: objects from memory, reading, listing.
#include <algorithm>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/store/object_file.h"
#include "artifacts/store/object_reader.h"
#include "artifacts/store/object_writer.h"
#include "artifacts/store/sample.h"
#include "artifacts/store/store.h"
#include "artifacts/store/temporary_file.h"

namespace repro::artifacts {
namespace {

constexpr std::size_t kFolderDigits = 2;
constexpr std::size_t kMinPrefixDigits = 4;
// What is allocated on the word of a trailer alone; more only as bytes really arrive.
constexpr std::uint64_t kMaxReserveBytes = std::uint64_t{1} << 30;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool saves_enough(const ObjectTrailer& trailer) {
  return trailer.stored_size <= trailer.raw_size - trailer.raw_size / 10;
}

// Appends the digests of the objects in one folder of `objects`, in order.
void list_folder(FileSystem& files, const std::string& objects, const std::string& name,
                 std::vector<Digest>& digests) {
  const std::string folder = join_path(objects, name);
  const auto status = files.find_status(folder);
  if (!status || status->kind != FileKind::directory) return;
  for (const std::string& file : files.list(folder)) {
    if (const auto digest = find_digest(name + file)) digests.push_back(*digest);
  }
}

}  // namespace

std::string Store::object_path(const Digest& digest) const {
  const std::string hex = digest.hex();
  return join_path(folder_,
                   "objects/" + hex.substr(0, kFolderDigits) + "/" + hex.substr(kFolderDigits));
}

bool Store::contains(const Digest& digest) const {
  const auto status = files_->find_status(object_path(digest));
  return status && status->kind == FileKind::regular;
}

// Whoever published it may not have come to its folder fsync yet, so that is done here (it costs
// next to nothing for a folder that is on disk).
bool Store::keep_existing(const Digest& digest, bool allow_link) {
  const ObjectPlace place{digest, object_path(digest)};
  if (!is_object_usable(*files_, place, allow_link)) return false;
  files_->sync_directory(parent_path(place.path));
  return true;
}

ObjectInfo Store::write_object(bool compress, int threads, const std::optional<Digest>& known,
                               const std::function<void(ObjectWriter&)>& feed) {
  TemporaryFile temporary(*files_, temporary_folder());
  ObjectWriter writer(temporary.file(), compress ? Codec::zstd : Codec::raw, threads, known);
  feed(writer);
  const ObjectTrailer trailer = writer.finish();
  if (compress && !saves_enough(trailer)) return write_object(false, threads, known, feed);
  if (known || !keep_existing(trailer.raw_digest, false)) {
    temporary.publish(object_path(trailer.raw_digest));
  }
  return {trailer.raw_digest, trailer.raw_size};
}

ObjectInfo Store::put(std::span<const std::byte> bytes, int threads) {
  const Digest digest = sha256(bytes);
  if (keep_existing(digest, false)) return {digest, bytes.size()};
  return write_object(is_compressible(sample_of(bytes)), threads, digest,
                      [&](ObjectWriter& writer) { writer.add(bytes); });
}

ObjectInfo Store::put(std::string_view text) { return put(as_bytes(text)); }

ObjectInfo Store::put_prefix(const Digest& digest, std::uint64_t size) {
  REPRO_CHECK(size <= size_of(digest));
  // Raw, so that it can be read in parts like what it was cut from.
  return write_object(false, 1, std::nullopt, [&](ObjectWriter& writer) {
    std::uint64_t left = size;
    read(digest, [&](std::span<const std::byte> piece) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
      writer.add(piece.first(count));
      left -= count;
    });
  });
}

std::string Store::get(const Digest& digest, std::uint64_t max_bytes) const {
  const ObjectPlace place{digest, object_path(digest)};
  OpenObject object = open_object(*files_, place);
  if (object.trailer.raw_size > max_bytes) {
    throw Error(Code::io,
                "object " + digest.hex() + " has " + std::to_string(object.trailer.raw_size) +
                    " bytes, more than is allowed here (" + std::to_string(max_bytes) + ")");
  }
  std::string text;
  text.reserve(std::min(object.trailer.raw_size, kMaxReserveBytes));
  read_object(*files_, place, object, [&](std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return text;
}

void Store::read(const Digest& digest,
                 const std::function<void(std::span<const std::byte>)>& piece) const {
  const ObjectPlace place{digest, object_path(digest)};
  OpenObject object = open_object(*files_, place);
  read_object(*files_, place, object, piece);
}

std::optional<std::string> Store::find_link(const Digest& digest) const {
  const ObjectPlace place{digest, object_path(digest)};
  OpenObject object = open_object(*files_, place);
  if (object.trailer.codec != Codec::linked) return std::nullopt;
  return read_link(object, place).path;
}

std::optional<Store::PlainFile> Store::find_plain_file(const Digest& digest) const {
  const ObjectPlace place{digest, object_path(digest)};
  OpenObject object = open_object(*files_, place);
  auto path = find_plain_path(*files_, place, object);
  if (!path) return std::nullopt;
  const FileStatus status = files_->open(*path, OpenMode::read)->status();
  return PlainFile{std::move(*path), status};
}

Store::PlainFile Store::read_range(const Digest& digest, std::uint64_t offset,
                                   std::span<std::byte> into) const {
  const ObjectPlace place{digest, object_path(digest)};
  OpenObject object = open_object(*files_, place);
  auto path = find_plain_path(*files_, place, object);
  REPRO_CHECK(path && offset <= object.trailer.raw_size &&
              into.size() <= object.trailer.raw_size - offset);
  const auto file = files_->open(*path, OpenMode::read);
  file->seek(offset);
  if (read_fully(*file, into) != into.size()) {
    throw object_corruption(place, *path + " is shorter than it was");
  }
  return {std::move(*path), file->status()};
}

std::uint64_t Store::size_of(const Digest& digest) const {
  return open_object(*files_, {digest, object_path(digest)}).trailer.raw_size;
}

std::vector<Digest> Store::list_objects() const {
  std::vector<Digest> digests;
  const std::string objects = join_path(folder_, "objects");
  if (!files_->exists(objects)) return digests;
  for (const std::string& name : files_->list(objects)) {
    if (name.size() == kFolderDigits && is_hex(name)) {
      list_folder(*files_, objects, name, digests);
    }
  }
  return digests;
}

std::vector<Digest> Store::find_objects(std::string_view prefix) const {
  if (prefix.size() < kMinPrefixDigits || prefix.size() > 2 * Digest::kSize || !is_hex(prefix)) {
    throw Error(Code::invalid_argument,
                "\"" + std::string(prefix.substr(0, 80)) + "\" is not an object id",
                "give 4 to 64 hex digits (0-9, a-f)");
  }
  std::vector<Digest> digests;
  list_folder(*files_, join_path(folder_, "objects"), std::string(prefix.substr(0, kFolderDigits)),
              digests);
  std::erase_if(digests, [&](const Digest& digest) { return !digest.hex().starts_with(prefix); });
  return digests;
}

}  // namespace repro::artifacts
