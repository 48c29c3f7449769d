#include "cli/draft_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"

namespace repro::cli {

void check_new_folder(FileSystem& files, const std::string& folder) {
  const auto status = files.find_status(folder);
  if (!status || (status->kind == FileKind::directory && files.list(folder).empty())) return;
  throw Error(Code::already_exists, folder + " exists and is not an empty folder",
              "choose another folder for -o, or remove it");
}

DraftFolder::DraftFolder(FileSystem& files, const std::string& folder)
    : files_(files),
      target_(absolute_path(folder)),
      path_(fmt::format("{}/.{}.{}", parent_path(target_), base_name(target_), ::getpid())) {
  check_new_folder(files_, folder);
  files_.make_directories(path_);
}

DraftFolder::~DraftFolder() {
  if (published_) return;
  std::error_code ignored;  // what is left has a hidden name of its own and harms nothing
  std::filesystem::remove_all(path_, ignored);
}

std::unique_ptr<File> DraftFolder::create(const std::string& name) {
  const std::string path = join_path(path_, name);
  files_.make_directories(parent_path(path));
  return files_.open(path, OpenMode::create);
}

void DraftFolder::write(const std::string& name, std::string_view text) {
  const auto file = create(name);
  file->write(as_bytes(text));
  file->sync();
}

void DraftFolder::publish() {
  files_.sync_directory(path_);
  files_.rename(path_, target_);  // replaces an empty folder
  published_ = true;
  files_.sync_directory(parent_path(target_));
}

}  // namespace repro::cli
