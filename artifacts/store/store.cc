#include "artifacts/store/store.h"

#include <array>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/store/temporary_file.h"

namespace repro::artifacts {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kSchema = "repro.store/1";
constexpr std::uint64_t kMaxFormatBytes = 4096;
constexpr std::array<std::string_view, 5> kFolders = {"objects", "refs", "runs", "index", "tmp"};

// The shape of this file never changes, so that every version can read the version of every store.
std::string encode_format(std::int64_t version) {
  const std::string check = sha256("repro.store\n" + std::to_string(version)).hex();
  return encode_json({{"check", check}, {"schema", kSchema}, {"version", version}}) + "\n";
}

[[noreturn]] void fail_format(const std::string& path, const std::string& why) {
  throw Error(Code::corruption, "store file " + path + " is damaged: " + why,
              "copy the file `format` from another store of the same version, then run "
              "`repro fsck`");
}

std::int64_t read_version(FileSystem& files, const std::string& path) {
  const auto status = files.find_status(path);
  if (status && status->kind != FileKind::regular) fail_format(path, "it is not a regular file");
  if (status && status->size > kMaxFormatBytes) fail_format(path, "it is too long");
  const std::string text = files.read_file(path, kMaxFormatBytes);
  std::int64_t version = 0;
  try {
    const Json json = parse_canonical_json(std::string_view(text).substr(0, text.find('\n')), path);
    version = json_int(json, "version", path);
  } catch (const Error& error) {
    fail_format(path, error.message());
  }
  if (version < 1 || encode_format(version) != text) {
    fail_format(path, "its bytes do not have their check");
  }
  return version;
}

}  // namespace

Store Store::init(FileSystem& files, const std::string& folder) {
  const std::string format = join_path(folder, "format");
  if (files.exists(format)) {
    throw Error(Code::already_exists, folder + " is a store already", "use it as it is");
  }
  for (std::string_view name : kFolders) files.make_directories(join_path(folder, name));
  Store store(files, folder);
  TemporaryFile temporary(files, store.temporary_folder());
  temporary.file().write(as_bytes(encode_format(kVersion)));
  temporary.publish(format);  // last: a folder without it is no store yet
  files.sync_directory(parent_path(absolute_path(folder)));
  return store;
}

Store Store::open(FileSystem& files, const std::string& folder) {
  const std::string format = join_path(folder, "format");
  if (!files.exists(format)) {
    throw Error(Code::not_found, folder + " is not a store (it has no file `format`)",
                "run `repro init` to make one, or name another folder with -C");
  }
  const std::int64_t version = read_version(files, format);
  if (version > kVersion) {
    throw Error(Code::unsupported,
                "store " + folder + " has version " + std::to_string(version) +
                    ", this repro reads version " + std::to_string(kVersion),
                "use a newer version of repro");
  }
  for (std::string_view name : kFolders) {
    const std::string path = join_path(folder, name);
    const auto status = files.find_status(path);
    if (status && status->kind != FileKind::directory) {
      throw Error(Code::corruption, path + " is not a folder, as it must be in a store",
                  "a store holds no symlinks; put a real folder in its place");
    }
  }
  return Store(files, folder);
}

std::optional<std::string> Store::find(FileSystem& files, const std::string& start) {
  const auto is_store = [&](const std::string& folder) {
    return files.exists(join_path(folder, "format")) && files.exists(join_path(folder, "objects"));
  };
  std::string folder = absolute_path(start);
  if (is_store(folder)) return folder;
  while (true) {
    const std::string candidate = join_path(folder, ".repro");
    // One of both is enough: a store that lost a file is to be reported, not passed over.
    if (files.exists(join_path(candidate, "format")) ||
        files.exists(join_path(candidate, "objects"))) {
      return candidate;
    }
    if (folder == "/") return std::nullopt;
    folder = parent_path(folder);
  }
}

std::string Store::temporary_folder() const { return join_path(folder_, "tmp"); }

std::string Store::run_folder(std::string_view run_id) const {
  check_name(run_id, "run id");
  return join_path(folder_, "runs/" + std::string(run_id));
}

std::unique_ptr<FileLock> Store::lock_run(std::string_view run_id) {
  const std::string folder = run_folder(run_id);
  files_->make_directories(folder);
  if (auto lock = files_->find_lock(join_path(folder, "lock"))) return lock;
  throw Error(
      Code::conflict, "run " + std::string(run_id) + " is being trained by another process",
      "wait until it ends, or stop it with SIGINT: it finishes its step and can be resumed");
}

void Store::sweep_temporary(std::int64_t older_than_ns) {
  const std::string folder = temporary_folder();
  if (!files_->exists(folder)) return;
  for (const std::string& name : files_->list(folder)) {
    const std::string path = join_path(folder, name);
    const auto status = files_->find_status(path);
    if (name == kRefsLockName || !status || status->kind == FileKind::directory) continue;
    if (status->modified_ns < older_than_ns) files_->remove(path);
  }
}

}  // namespace repro::artifacts
