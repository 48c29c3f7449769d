// The content-addressed store: objects named by the SHA-256 of their raw bytes, refs that name
// them, and the folders of runs. Layout and bytes: docs/store-format.md.
//
//   .repro/format                 store version, self-checking
//   .repro/objects/ab/cdef...     payload, then a 128-byte trailer (codec, sizes, digests, check)
//   .repro/refs/KIND/NAME         self-checking canonical JSON: kind, name, target digest
//   .repro/runs/ID/               working files of a run: lock, log and telemetry tails
//   .repro/index/catalogue.sqlite a cache; may be deleted, edited or stale
//   .repro/tmp/                   unpublished files; swept by fsck when older than a day; refs.lock
//
// Publication order: objects -> manifests (objects too) -> ref; each by temp file, fsync, rename,
// folder fsync. Reading never changes a store, so a read-only medium works. Errors:
// Error(corruption) names the object and its file; Error(not_found) names the digest;
// Error(unsupported) for a store of a newer version, with that version.
// Ownership: a Store borrows the FileSystem. Thread rules: `put_*`, `get*` may run in many threads;
// everything else in one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/file_system.h"

namespace repro::artifacts {

class ObjectWriter;

// In tmp/: held for the moment in which a ref is changed; never swept.
inline constexpr std::string_view kRefsLockName = "refs.lock";

struct ObjectInfo {
  Digest digest;  // of the raw bytes
  std::uint64_t size = 0;
};

// How `put_file` takes a file in.
enum class Intake : std::uint8_t {
  copy,      // bytes are copied (zstd where it helps)
  reflink,   // shared copy-on-write; Error(environment) where the file system cannot
  in_place,  // only a pointer (codec `linked`) to the absolute path; the file must stay as it is
};

struct Ref {
  std::string kind;  // "runs", "datasets", "tags", "logs", "orders"
  std::string name;
  Digest target;
};

class Store {
 public:
  // Makes `folder` (usually PROJECT/.repro) a store. Error(already_exists) if it is one.
  static Store init(FileSystem& files, const std::string& folder);
  // `folder` must be a store. Error(not_found) / Error(unsupported) / Error(corruption).
  static Store open(FileSystem& files, const std::string& folder);
  // Upward from `start` for a `.repro` folder (or `start` itself being a store); nullopt if none.
  static std::optional<std::string> find(FileSystem& files, const std::string& start);

  const std::string& folder() const { return folder_; }
  FileSystem& files() const { return *files_; }

  // --- objects ---------------------------------------------------------------------------------
  // Publishes; the same bytes twice write once, and a damaged trailer of the first is replaced.
  // When it returns, the object survives a power cut. `threads` code it, where that is done.
  ObjectInfo put(std::span<const std::byte> bytes, int threads = 1);
  ObjectInfo put(std::string_view text);
  // Streams; never holds the file in memory. Error(conflict) if the file changes while it is read,
  // Error(invalid_argument) for what is no regular file (symlinks are not followed).
  ObjectInfo put_file(const std::string& path, Intake intake = Intake::copy);
  // The first `size` bytes of another object, which is verified whole, as an object of its own.
  ObjectInfo put_prefix(const Digest& digest, std::uint64_t size);
  // Whether its file is there; says nothing of its soundness.
  bool contains(const Digest& digest) const;
  // Whole object, both digests verified. Error(io) for one above `max_bytes`, before allocation.
  std::string get(const Digest& digest, std::uint64_t max_bytes = std::uint64_t{1} << 40) const;
  // Verified raw bytes in pieces of at most 1 MiB; the verdict comes at the end, so act on the
  // pieces only after it returns.
  void read(const Digest& digest,
            const std::function<void(std::span<const std::byte>)>& piece) const;
  // The file that an object added in place points to, whether or not it is still there; nullopt for
  // another object.
  std::optional<std::string> find_link(const Digest& digest) const;
  // The file in which the raw bytes lie as they are, at its beginning, and its status; nullopt for
  // a coded object. Errors as for reading.
  struct PlainFile {
    std::string path;
    FileStatus status;
  };
  std::optional<PlainFile> find_plain_file(const Digest& digest) const;
  // Bytes [offset, offset + into.size()) out of such a file, *unverified*: whoever has verified the
  // object knows from the status, which is that of the file read, whether it is still the same.
  // Error(corruption) where the file ends before them.
  PlainFile read_range(const Digest& digest, std::uint64_t offset, std::span<std::byte> into) const;
  std::uint64_t size_of(const Digest& digest) const;  // by the checked trailer; payload unchecked
  // Path of the object's file, whether or not it exists.
  std::string object_path(const Digest& digest) const;
  // All digests present, in order; names that are no object names are skipped (fsck reports them).
  std::vector<Digest> list_objects() const;
  // Those beginning with hex `prefix` (>= 4 digits); Error(invalid_argument) for other text.
  std::vector<Digest> find_objects(std::string_view prefix) const;

  // --- refs ------------------------------------------------------------------------------------
  // Atomic. `expected`: publish only if the ref's target still is this (nullopt: must not exist),
  // else Error(conflict). A damaged ref is replaced only by the first form.
  void set_ref(const Ref& ref);
  void set_ref(const Ref& ref, const std::optional<Digest>& expected);
  std::optional<Ref> find_ref(std::string_view kind, std::string_view name) const;
  // In name order; Error(corruption) at the first damaged one. Files whose names are no ref names
  // are skipped (fsck reports them).
  std::vector<Ref> list_refs(std::string_view kind) const;
  std::vector<std::string> list_ref_kinds() const;
  void remove_ref(std::string_view kind, std::string_view name);  // Error(not_found)

  // --- runs ------------------------------------------------------------------------------------
  // .repro/runs/ID, whether or not it exists; `lock_run` makes it.
  std::string run_folder(std::string_view run_id) const;
  // Held while a run is trained. Error(conflict) where somebody holds it.
  std::unique_ptr<FileLock> lock_run(std::string_view run_id);
  // Deletes what crashed writers left in tmp: files last written before this time (ns since 1970).
  void sweep_temporary(std::int64_t older_than_ns);

 private:
  Store(FileSystem& files, std::string folder) : files_(&files), folder_(std::move(folder)) {}

  std::string temporary_folder() const;
  std::string ref_path(std::string_view kind, std::string_view name) const;
  bool keep_existing(const Digest& digest, bool allow_link);
  ObjectInfo write_object(bool compress, int threads, const std::optional<Digest>& known,
                          const std::function<void(ObjectWriter&)>& feed);
  ObjectInfo put_bytes(const std::string& path);
  ObjectInfo put_clone(const std::string& path);
  ObjectInfo put_link(const std::string& path);
  void write_ref(const Ref& ref);
  std::unique_ptr<FileLock> lock_refs();

  FileSystem* files_;
  std::string folder_;
};

// Ref and dataset names: 1..100 of [A-Za-z0-9._-], not starting with '.' or '-'.
// Error(invalid_argument) otherwise.
void check_name(std::string_view name, std::string_view what);

}  // namespace repro::artifacts
