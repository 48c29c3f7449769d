// A folder of files that appears complete or not at all: written beside its place under a hidden
// name, then renamed. Removed with all it holds unless it was published. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "artifacts/base/file_system.h"

namespace repro::cli {

// Error(already_exists) for what is there and is not an empty folder.
void check_new_folder(FileSystem& files, const std::string& folder);

class DraftFolder {
 public:
  // Checks as above.
  DraftFolder(FileSystem& files, const std::string& folder);
  ~DraftFolder();
  DraftFolder(const DraftFolder&) = delete;
  DraftFolder& operator=(const DraftFolder&) = delete;

  // `name` may have folders in it.
  std::unique_ptr<File> create(const std::string& name);
  void write(const std::string& name, std::string_view text);
  void publish();

 private:
  FileSystem& files_;
  std::string target_;
  std::string path_;
  bool published_ = false;
};

}  // namespace repro::cli
