// A new file in the store's tmp folder that vanishes unless it is published.
// Life cycle: created, written, synced, then `publish` renames it to its place and makes that
// durable. Thread rules: belongs to one thread; many may live at once, in many processes.
#pragma once

#include <memory>
#include <string>

#include "artifacts/base/file_system.h"

namespace repro::artifacts {

class TemporaryFile {
 public:
  // Error(io) naming the path.
  TemporaryFile(FileSystem& files, const std::string& folder);
  // Removes an unpublished file, best effort.
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  File& file() { return *file_; }
  const std::string& path() const { return path_; }
  // fsync, rename over `target` (whose folder is made if needed), fsync of the folder.
  void publish(const std::string& target);

 private:
  FileSystem& files_;
  std::string path_;
  std::unique_ptr<File> file_;
  bool published_ = false;
};

}  // namespace repro::artifacts
