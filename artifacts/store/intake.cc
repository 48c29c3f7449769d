// Store: objects from files, by copy, by shared copy-on-write, or in place.
#include <algorithm>

#include "artifacts/base/error.h"
#include "artifacts/store/object_file.h"
#include "artifacts/store/object_writer.h"
#include "artifacts/store/sample.h"
#include "artifacts/store/store.h"
#include "artifacts/store/temporary_file.h"

namespace repro::artifacts {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // large enough for SHA-NI's full speed
// A file up to this size is read whole and hashed before anything is written.
constexpr std::uint64_t kMaxWholeBytes = std::uint64_t{1} << 20;

using Piece = std::span<const std::byte>;

// A regular file that must stay as it is while it is taken in.
class SourceFile {
 public:
  SourceFile(FileSystem& files, const std::string& path) : path_(path) {
    const auto status = files.find_status(path);
    if (!status) throw Error(Code::not_found, "there is no file " + path);
    if (status->kind != FileKind::regular) fail_kind(status->kind);
    file_ = files.open(path, OpenMode::read);
    before_ = file_->status();
    if (*status != before_) fail_changed();
  }

  File& file() { return *file_; }
  std::uint64_t size() const { return before_.size; }

  // Hands over all bytes in pieces, from the beginning.
  void read(const std::function<void(Piece)>& sink) {
    file_->seek(0);
    std::vector<std::byte> buffer(std::clamp<std::uint64_t>(size(), 1, kPieceBytes));
    std::uint64_t count = 0;
    while (const std::size_t got = file_->read(buffer)) {
      sink(std::span(buffer).first(got));
      count += got;
      if (count > size()) break;
    }
    if (count != size() || file_->status() != before_) fail_changed();
  }

  std::vector<std::byte> sample() {
    std::vector<std::byte> bytes(2 * kSamplePieceBytes);
    file_->seek(0);
    std::size_t used = read_fully(*file_, std::span(bytes).first(kSamplePieceBytes));
    file_->seek(sample_middle(size()));
    used += read_fully(*file_, std::span(bytes).subspan(used, kSamplePieceBytes));
    bytes.resize(used);
    return bytes;
  }

  [[noreturn]] void fail_changed() const {
    throw Error(Code::conflict, path_ + " changed while it was being added",
                "wait until nothing writes to it, then add it again");
  }

 private:
  [[noreturn]] void fail_kind(FileKind kind) const {
    const std::string what = kind == FileKind::directory ? "a folder"
                             : kind == FileKind::symlink ? "a symlink"
                                                         : "a special file";
    throw Error(Code::invalid_argument, path_ + " is " + what + ", not a regular file",
                "name the file itself");
  }

  std::string path_;
  std::unique_ptr<File> file_;
  FileStatus before_;
};

}  // namespace

ObjectInfo Store::put_file(const std::string& path, Intake intake) {
  switch (intake) {
    case Intake::copy:
      return put_bytes(path);
    case Intake::reflink:
      return put_clone(path);
    case Intake::in_place:
      return put_link(path);
  }
  throw Error(Code::internal, "unknown intake");
}

ObjectInfo Store::put_bytes(const std::string& path) {
  SourceFile source(*files_, path);
  if (source.size() <= kMaxWholeBytes) {
    std::vector<std::byte> bytes;
    bytes.reserve(source.size());
    source.read([&](Piece piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
    return put(bytes);
  }
  return write_object(is_compressible(source.sample()), 1, std::nullopt, [&](ObjectWriter& writer) {
    source.read([&](Piece piece) { writer.add(piece); });
  });
}

ObjectInfo Store::put_clone(const std::string& path) {
  SourceFile source(*files_, path);
  TemporaryFile temporary(*files_, temporary_folder());
  File& clone = temporary.file();
  if (!clone.clone_from(source.file())) {
    throw Error(Code::environment,
                "the file system cannot share " + path + " copy-on-write with the store",
                "add it with --copy, or with --in-place if it will stay as it is");
  }
  // The clone is hashed, not the source: nobody else can change it.
  Sha256 hasher;
  ObjectTrailer trailer;
  std::vector<std::byte> buffer(kPieceBytes);
  while (const std::size_t count = clone.read(buffer)) {
    hasher.update(std::span(buffer).first(count));
    trailer.raw_size += count;
  }
  trailer.stored_size = trailer.raw_size;
  trailer.raw_digest = trailer.stored_digest = hasher.finish();
  if (!keep_existing(trailer.raw_digest, false)) {
    clone.write(encode_trailer(trailer));
    temporary.publish(object_path(trailer.raw_digest));
  }
  return {trailer.raw_digest, trailer.raw_size};
}

ObjectInfo Store::put_link(const std::string& path) {
  SourceFile source(*files_, path);
  const LinkTarget target{absolute_path(path), source.size()};
  if (target.path.find('\n') != std::string::npos) {
    throw Error(Code::invalid_argument, "a file whose path has a line break cannot stay in place",
                "add it with --copy");
  }
  Sha256 hasher;
  source.read([&](Piece piece) { hasher.update(piece); });
  const std::string payload = encode_link(target);
  ObjectTrailer trailer{Codec::linked, source.size(), payload.size(), hasher.finish(),
                        sha256(payload)};
  if (!keep_existing(trailer.raw_digest, true)) {
    TemporaryFile temporary(*files_, temporary_folder());
    temporary.file().write(as_bytes(payload));
    temporary.file().write(encode_trailer(trailer));
    temporary.publish(object_path(trailer.raw_digest));
  }
  return {trailer.raw_digest, trailer.raw_size};
}

}  // namespace repro::artifacts
