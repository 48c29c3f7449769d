#include "tests/support/faulty_file_system.h"

#include <utility>

#include "artifacts/base/error.h"

namespace repro::support {

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem& owner, std::unique_ptr<File> inner, std::string path)
      : owner_(owner), inner_(std::move(inner)), path_(std::move(path)) {}

  std::size_t read(std::span<std::byte> into) override { return inner_->read(into); }

  void write(std::span<const std::byte> bytes) override {
    const std::uint64_t size = inner_->status().size;
    Fault fault = Fault::none;
    {
      const std::lock_guard lock(owner_.mutex_);
      fault = owner_.next_fault(true);
      ++owner_.num_writes_;
      owner_.synced_bytes_.emplace(path_, size);
    }
    const bool first_stop = fault != Fault::stop || owner_.num_calls_ == owner_.fault_call_;
    if (fault == Fault::none) return inner_->write(bytes);
    if (first_stop) inner_->write(bytes.first(bytes.size() / 2));
    FaultyFileSystem::raise(fault, "write", path_);
  }

  void seek(std::uint64_t offset) override { inner_->seek(offset); }

  void sync() override {
    owner_.enter("sync", path_);
    inner_->sync();
    const std::lock_guard lock(owner_.mutex_);
    owner_.synced_bytes_.erase(path_);
  }

  FileStatus status() override { return inner_->status(); }

  bool clone_from(File& source) override {
    owner_.enter("clone to", path_);
    if (owner_.emulate_clones_) return copy_from(source);
    auto* faulty = dynamic_cast<FaultyFile*>(&source);
    return inner_->clone_from(faulty == nullptr ? source : *faulty->inner_);
  }

  int descriptor() const override { return inner_->descriptor(); }

 private:
  bool copy_from(File& source) {
    std::vector<std::byte> buffer(std::size_t{1} << 16);
    source.seek(0);
    while (const std::size_t count = source.read(buffer)) {
      inner_->write(std::span(buffer).first(count));
    }
    inner_->seek(0);
    return true;
  }

  FaultyFileSystem& owner_;
  std::unique_ptr<File> inner_;
  std::string path_;
};

void FaultyFileSystem::arm(Fault fault, std::uint64_t n, bool lasting) {
  fault_ = fault;
  fault_call_ = n;
  lasting_ = lasting;
  num_calls_ = 0;
  num_writes_ = 0;
}

void FaultyFileSystem::fail_at(std::uint64_t n, Fault fault) { arm(fault, n, false); }
void FaultyFileSystem::fill_at(std::uint64_t n) { arm(Fault::no_space, n, true); }
void FaultyFileSystem::stop_at(std::uint64_t n) { arm(Fault::stop, n, true); }
void FaultyFileSystem::heal() { arm(Fault::none, 0, false); }

void FaultyFileSystem::drop_unsynced() {
  for (const auto& [path, size] : synced_bytes_) {
    if (inner_.exists(path)) inner_.truncate(path, size);
  }
  synced_bytes_.clear();
}

Fault FaultyFileSystem::next_fault(bool needs_space) {
  ++num_calls_;
  if (fault_ == Fault::none) return Fault::none;
  const bool hit = lasting_ ? num_calls_ >= fault_call_ : num_calls_ == fault_call_;
  if (!hit || (lasting_ && fault_ == Fault::no_space && !needs_space)) return Fault::none;
  return fault_;
}

void FaultyFileSystem::raise(Fault fault, std::string_view action, const std::string& path) {
  if (fault == Fault::stop) throw CrashSimulated{};
  const bool full = fault == Fault::no_space;
  throw Error(Code::io,
              "cannot " + std::string(action) + " " + path +
                  (full ? ": No space left on device" : ": Input/output error"),
              full ? "free some space and run the command again" : "");
}

void FaultyFileSystem::enter(std::string_view action, const std::string& path, bool needs_space) {
  Fault fault = Fault::none;
  {
    const std::lock_guard lock(mutex_);
    fault = next_fault(needs_space);
  }
  if (fault != Fault::none) raise(fault, action, path);
}

std::unique_ptr<File> FaultyFileSystem::open(const std::string& path, OpenMode mode) {
  if (mode != OpenMode::read) enter("create", path);
  return std::make_unique<FaultyFile>(*this, inner_.open(path, mode), path);
}

void FaultyFileSystem::make_directories(const std::string& path) {
  enter("create folder", path);
  inner_.make_directories(path);
}

void FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  enter("rename to", to, false);
  inner_.rename(from, to);
  const std::lock_guard lock(mutex_);
  auto moved = synced_bytes_.extract(from);
  synced_bytes_.erase(to);
  if (moved) {
    moved.key() = to;
    synced_bytes_.insert(std::move(moved));
  }
}

void FaultyFileSystem::remove(const std::string& path) {
  enter("remove", path, false);
  inner_.remove(path);
  const std::lock_guard lock(mutex_);
  synced_bytes_.erase(path);
}

void FaultyFileSystem::truncate(const std::string& path, std::uint64_t size) {
  enter("truncate", path, false);
  inner_.truncate(path, size);
}

void FaultyFileSystem::sync_directory(const std::string& path) {
  enter("sync folder", path, false);
  inner_.sync_directory(path);
}

std::unique_ptr<FileLock> FaultyFileSystem::find_lock(const std::string& path) {
  enter("lock", path);
  return inner_.find_lock(path);
}

}  // namespace repro::support
