// The seam for files. All file access of the project goes through a `FileSystem`, so that tests can
// fail or stop at the n-th call (tests/support/faulty_file_system.h).
//
// Paths are std::string, UTF-8 or whatever bytes the system gave. All failures throw Error:
// `not_found` for ENOENT/ENOTDIR, `io` for the rest (ENOSPC says "no space left"), each naming the
// path. Thread rules: a FileSystem may be used from many threads; a File belongs to one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace repro {

enum class FileKind : std::uint8_t { regular, directory, symlink, other };

// What stat tells; enough to know that a file was not touched since it was hashed.
struct FileStatus {
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileStatus&) const = default;
};

// An open file. Closing happens in the destructor; call `sync` first where durability matters.
class File {
 public:
  virtual ~File() = default;
  // Up to `into.size()` bytes from the current position; 0 at the end.
  virtual std::size_t read(std::span<std::byte> into) = 0;
  // All of it, at the current position (or at the end, for append).
  virtual void write(std::span<const std::byte> bytes) = 0;
  virtual void seek(std::uint64_t offset) = 0;
  virtual void sync() = 0;
  virtual FileStatus status() = 0;
  // Shares the bytes of `source` copy-on-write (FICLONE); false where the file system cannot.
  virtual bool clone_from(File& source) = 0;
  virtual int descriptor() const = 0;
};

// Read-only memory-mapped bytes of a whole file. Unmapped by the destructor.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual std::span<const std::byte> bytes() const = 0;
};

// An exclusive advisory lock (flock), held until destroyed; the system drops it when a process
// dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  read,    // must exist
  create,  // must not exist
  write,   // created or truncated
  append,  // created or kept; writes go to the end
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual std::unique_ptr<File> open(const std::string& path, OpenMode mode) = 0;
  virtual std::unique_ptr<Mapping> map(const std::string& path) = 0;
  // Follows no symlink. nullopt where nothing is there.
  virtual std::optional<FileStatus> find_status(const std::string& path) = 0;
  // Names (not paths) in bytewise order.
  virtual std::vector<std::string> list(const std::string& directory) = 0;
  // With parents; no error where it exists.
  virtual void make_directories(const std::string& path) = 0;
  // Replaces atomically.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void remove(const std::string& path) = 0;
  virtual void truncate(const std::string& path, std::uint64_t size) = 0;
  // fsync of a folder, so that a rename in it survives a power cut.
  virtual void sync_directory(const std::string& path) = 0;
  // nullptr where another process holds it. The lock file is created if needed.
  virtual std::unique_ptr<FileLock> find_lock(const std::string& path) = 0;

  // --- built from the above -------------------------------------------------------------------

  // Whole file; Error(io) if it is larger than `max_bytes`.
  std::string read_file(const std::string& path, std::uint64_t max_bytes = std::uint64_t{1} << 32);
  // Temp file beside it + fsync + rename + folder fsync.
  void write_file_atomically(const std::string& path, std::string_view bytes);
  bool exists(const std::string& path) { return find_status(path).has_value(); }
};

// The machine's own. Returned object lives as long as the program.
FileSystem& system_file_system();

// Path arithmetic on text; no file access. `join_path("a", "/b")` is "/b".
std::string join_path(std::string_view folder, std::string_view name);
std::string parent_path(std::string_view path);
std::string base_name(std::string_view path);
// Absolute and without "." or ".." (lexically), against the current folder.
std::string absolute_path(std::string_view path);

}  // namespace repro
