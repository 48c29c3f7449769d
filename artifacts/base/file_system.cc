#include "artifacts/base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "artifacts/base/error.h"

namespace repro {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path, int error = errno) {
  const bool absent = error == ENOENT || error == ENOTDIR;
  std::string hint;
  if (error == ENOSPC || error == EDQUOT) {
    hint = "free some space and run the command again; nothing that was complete is lost";
  } else if (error == EACCES || error == EPERM) {
    hint = "check the permissions of the file and of its folder";
  }
  throw Error(absent ? Code::not_found : Code::io,
              "cannot " + what + " " + path + ": " + std::generic_category().message(error), hint);
}

FileStatus to_status(const struct stat& raw) {
  FileStatus status;
  status.kind = S_ISREG(raw.st_mode)   ? FileKind::regular
                : S_ISDIR(raw.st_mode) ? FileKind::directory
                : S_ISLNK(raw.st_mode) ? FileKind::symlink
                                       : FileKind::other;
  status.size = static_cast<std::uint64_t>(raw.st_size);
  status.device = raw.st_dev;
  status.inode = raw.st_ino;
  status.modified_ns = std::int64_t{raw.st_mtim.tv_sec} * 1'000'000'000 + raw.st_mtim.tv_nsec;
  status.changed_ns = std::int64_t{raw.st_ctim.tv_sec} * 1'000'000'000 + raw.st_ctim.tv_nsec;
  return status;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  std::size_t read(std::span<std::byte> into) override {
    while (true) {
      const ssize_t count = ::read(fd_.get(), into.data(), into.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) fail("read", path_);
    }
  }

  void write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void seek(std::uint64_t offset) override {
    if (::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) fail("seek in", path_);
  }

  void sync() override {
    if (::fsync(fd_.get()) != 0) fail("sync", path_);
  }

  FileStatus status() override {
    struct stat raw {};
    if (::fstat(fd_.get(), &raw) != 0) fail("stat", path_);
    return to_status(raw);
  }

  bool clone_from(File& source) override {
    return ::ioctl(fd_.get(), FICLONE, source.descriptor()) == 0;
  }

  int descriptor() const override { return fd_.get(); }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixMapping final : public Mapping {
 public:
  PosixMapping(void* data, std::size_t size) : data_(data), size_(size) {}
  ~PosixMapping() override {
    if (size_ != 0) ::munmap(data_, size_);
  }
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  std::span<const std::byte> bytes() const override {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  void* data_;
  std::size_t size_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::create:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::write:
      return O_RDWR | O_CREAT | O_TRUNC;
    case OpenMode::append:
      return O_RDWR | O_CREAT | O_APPEND;
  }
  return O_RDONLY;
}

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override {
    const int fd = ::open(path.c_str(), open_flags(mode) | O_CLOEXEC, 0666);
    if (fd < 0) fail(mode == OpenMode::read ? "open" : "create", path);
    return std::make_unique<PosixFile>(fd, path);
  }

  std::unique_ptr<Mapping> map(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) fail("open", path);
    struct stat raw {};
    if (::fstat(fd.get(), &raw) != 0) fail("stat", path);
    const auto size = static_cast<std::size_t>(raw.st_size);
    if (size == 0) return std::make_unique<PosixMapping>(nullptr, 0);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (data == MAP_FAILED) fail("map", path);
    return std::make_unique<PosixMapping>(data, size);
  }

  std::optional<FileStatus> find_status(const std::string& path) override {
    struct stat raw {};
    if (::lstat(path.c_str(), &raw) == 0) return to_status(raw);
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail("stat", path);
  }

  std::vector<std::string> list(const std::string& directory) override {
    DIR* handle = ::opendir(directory.c_str());
    if (handle == nullptr) fail("list", directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(handle)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(handle);
    if (error != 0) fail("list", directory, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  void make_directories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) fail("create folder", path, error.value());
  }

  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename to", to);
  }

  void remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) fail("remove", path);
  }

  void truncate(const std::string& path, std::uint64_t size) override {
    if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) fail("truncate", path);
  }

  void sync_directory(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) fail("open folder", path);
    if (::fsync(fd.get()) != 0) fail("sync folder", path);
  }

  std::unique_ptr<FileLock> find_lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) fail("open lock", path);
    auto lock = std::make_unique<PosixLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) fail("lock", path);
    return nullptr;
  }
};

}  // namespace

FileSystem& system_file_system() {
  static PosixFileSystem instance;
  return instance;
}

std::string FileSystem::read_file(const std::string& path, std::uint64_t max_bytes) {
  const auto file = open(path, OpenMode::read);
  const FileStatus status = file->status();
  if (status.kind == FileKind::directory) {
    throw Error(Code::io, path + " is a folder, not a file");
  }
  if (status.size > max_bytes) {
    throw Error(Code::io, path + " has " + std::to_string(status.size) +
                              " bytes, more than is allowed here (" + std::to_string(max_bytes) +
                              ")");
  }
  std::string text(status.size, '\0');
  std::size_t used = 0;
  while (true) {  // the size of a growing or special file is only a guess
    if (used == text.size()) text.resize(text.size() + 4096);
    const auto into = std::as_writable_bytes(std::span(text)).subspan(used);
    const std::size_t count = file->read(into);
    if (count == 0) break;
    used += count;
    if (used > max_bytes) throw Error(Code::io, path + " grew past the allowed size");
  }
  text.resize(used);
  return text;
}

void FileSystem::write_file_atomically(const std::string& path, std::string_view bytes) {
  static std::atomic<std::uint64_t> counter{0};
  const std::string temporary =
      path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  try {
    const auto file = open(temporary, OpenMode::create);
    file->write(std::as_bytes(std::span(bytes)));
    file->sync();
    rename(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());  // best effort: the first error is the one to report
    throw;
  }
  sync_directory(parent_path(path));
}

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/')) return std::string(name);
  if (folder.ends_with('/')) return std::string(folder) + std::string(name);
  return std::string(folder) + "/" + std::string(name);
}

std::string parent_path(std::string_view path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.find_last_of('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string absolute_path(std::string_view path) {
  std::string text = std::filesystem::absolute(std::string(path)).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace repro
