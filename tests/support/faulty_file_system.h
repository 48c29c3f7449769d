// A FileSystem over another that fails or stops at the n-th call that changes something.
//
//   FaultyFileSystem files(system_file_system());
//   for (std::uint64_t n = 1;; ++n) {
//     files.stop_at(n);                               // or fail_at(n, Fault::no_space)
//     try { act(files); break; } catch (const CrashSimulated&) {}
//     files.heal();
//     files.drop_unsynced();                          // the power is gone as well
//     check(files);
//   }
//
// Counted: open for writing, write, sync, clone_from, make_directories, rename, remove, truncate,
// sync_directory, find_lock. A write that is hit leaves the first half of its bytes behind.
// Thread rules: as FileSystem; arm it while nothing else uses it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/file_system.h"

namespace repro::support {

// What a killed process leaves: not an Error, so that no handler takes it for one.
struct CrashSimulated {};

enum class Fault : std::uint8_t { none, no_space, io_error, stop };

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(FileSystem& inner) : inner_(inner) {}

  // Counting starts anew with each of these; `n` begins at 1.
  // The n-th call fails once, with Error(io).
  void fail_at(std::uint64_t n, Fault fault);
  // The disk is full from the n-th call on: what needs space fails, removing works.
  void fill_at(std::uint64_t n);
  // The n-th call and all that follow throw CrashSimulated and change nothing.
  void stop_at(std::uint64_t n);
  // No fault any more.
  void heal();
  std::uint64_t num_calls() const { return num_calls_; }
  // Calls of File::write since the last of the above.
  std::uint64_t num_writes() const { return num_writes_; }
  // Lets clone_from work on any file system, by copying.
  void emulate_clones() { emulate_clones_ = true; }
  // Cuts every file back to what was synced.
  void drop_unsynced();

  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override;
  std::unique_ptr<Mapping> map(const std::string& path) override { return inner_.map(path); }
  std::optional<FileStatus> find_status(const std::string& path) override {
    return inner_.find_status(path);
  }
  std::vector<std::string> list(const std::string& directory) override {
    return inner_.list(directory);
  }
  void make_directories(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove(const std::string& path) override;
  void truncate(const std::string& path, std::uint64_t size) override;
  void sync_directory(const std::string& path) override;
  std::unique_ptr<FileLock> find_lock(const std::string& path) override;

 private:
  friend class FaultyFile;

  void arm(Fault fault, std::uint64_t n, bool lasting);
  // The fault that hits this call.
  Fault next_fault(bool needs_space);
  // Counts a call; throws where it is hit.
  void enter(std::string_view action, const std::string& path, bool needs_space = true);
  [[noreturn]] static void raise(Fault fault, std::string_view action, const std::string& path);

  FileSystem& inner_;
  std::mutex mutex_;
  Fault fault_ = Fault::none;
  std::uint64_t fault_call_ = 0;
  bool lasting_ = false;
  bool emulate_clones_ = false;
  std::uint64_t num_calls_ = 0;
  std::uint64_t num_writes_ = 0;
  std::map<std::string, std::uint64_t> synced_bytes_;  // of files with unsynced ones
};

}  // namespace repro::support
