#include "artifacts/store/temporary_file.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "artifacts/base/error.h"

namespace repro::artifacts {
namespace {

// Process ids repeat (containers, shared folders, leftovers of a crash), so a taken name is no
// error.
constexpr int kMaxAttempts = 1000;

std::string next_name() {
  static std::atomic<std::uint64_t> counter{0};
  return std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

}  // namespace

TemporaryFile::TemporaryFile(FileSystem& files, const std::string& folder) : files_(files) {
  for (int attempt = 1; !file_; ++attempt) {
    path_ = join_path(folder, next_name());
    if (files_.exists(path_) && attempt < kMaxAttempts) continue;
    try {
      file_ = files_.open(path_, OpenMode::create);
    } catch (const Error&) {
      if (attempt >= kMaxAttempts || !files_.exists(path_)) throw;
    }
  }
}

TemporaryFile::~TemporaryFile() {
  if (published_) return;
  try {
    files_.remove(path_);
  } catch (...) {  // a leftover is harmless: sweep_temporary finds it
  }
}

void TemporaryFile::publish(const std::string& target) {
  file_->sync();
  const std::string folder = parent_path(target);
  if (const auto status = files_.find_status(folder); !status) {
    files_.make_directories(folder);
    files_.sync_directory(parent_path(folder));
  } else if (status->kind != FileKind::directory) {
    throw Error(Code::corruption, folder + " is not a folder, as it must be in a store",
                "a store holds no symlinks; put a real folder in its place");
  }
  files_.rename(path_, target);
  published_ = true;
  files_.sync_directory(folder);
}

}  // namespace repro::artifacts
