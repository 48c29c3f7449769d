// Store: refs. A ref's file is determined by its three values to the byte, so reading one means to
// take the target out of it, encode what the file must be, and compare.
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "artifacts/store/store.h"
#include "artifacts/store/temporary_file.h"

namespace repro::artifacts {
namespace {

constexpr std::uint64_t kMaxRefBytes = 4096;
constexpr std::string_view kSchema = "repro.ref/1";
constexpr auto kLockPause = std::chrono::milliseconds(10);
constexpr int kLockAttempts = 1000;  // ten seconds; a ref is written in milliseconds

std::string encode_ref(const Ref& ref) {
  const std::string target = ref.target.hex();
  return encode_json({{"check", sha256(ref.kind + "\n" + ref.name + "\n" + target).hex()},
                      {"kind", ref.kind},
                      {"name", ref.name},
                      {"schema", kSchema},
                      {"target", target}}) +
         "\n";
}

[[noreturn]] void fail_ref(const std::string& path, const std::string& why) {
  throw Error(Code::corruption, "ref " + path + " is damaged: " + why,
              "run `repro fsck` to see what else is; set the ref again, or copy the file from a "
              "sound store");
}

Ref read_ref(FileSystem& files, const std::string& path, Ref expected) {
  const auto status = files.find_status(path);
  if (status && status->kind != FileKind::regular) fail_ref(path, "it is not a regular file");
  if (status && status->size > kMaxRefBytes) fail_ref(path, "it is too long");
  const std::string text = files.read_file(path, kMaxRefBytes);
  std::string target;
  try {
    const Json json = parse_canonical_json(std::string_view(text).substr(0, text.find('\n')), path);
    target = json_string(json, "target", path);
  } catch (const Error& error) {
    fail_ref(path, error.message());
  }
  const auto digest = find_digest(target);
  if (!digest) fail_ref(path, "its target is not a digest");
  expected.target = *digest;
  if (encode_ref(expected) != text) {
    fail_ref(path, "its bytes are not those of the ref " + expected.kind + "/" + expected.name +
                       " to " + expected.target.hex());
  }
  return expected;
}

bool is_name(std::string_view name) {
  try {
    check_name(name, "name");
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool is_folder(FileSystem& files, const std::string& path) {
  const auto status = files.find_status(path);
  if (status && status->kind == FileKind::symlink) {
    fail_ref(path, "it is a symlink, which a store never has");
  }
  return status && status->kind == FileKind::directory;
}

}  // namespace

std::string Store::ref_path(std::string_view kind, std::string_view name) const {
  check_name(kind, "ref kind");
  check_name(name, "name");
  return join_path(folder_, "refs/" + std::string(kind) + "/" + std::string(name));
}

std::unique_ptr<FileLock> Store::lock_refs() {
  const std::string path = join_path(temporary_folder(), std::string(kRefsLockName));
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    if (auto lock = files_->find_lock(path)) return lock;
    std::this_thread::sleep_for(kLockPause);
  }
  throw Error(Code::conflict, "the refs of store " + folder_ + " are locked by another process",
              "wait for it to end, then run the command again");
}

void Store::write_ref(const Ref& ref) {
  const std::string path = ref_path(ref.kind, ref.name);
  TemporaryFile temporary(*files_, temporary_folder());
  temporary.file().write(as_bytes(encode_ref(ref)));
  temporary.publish(path);
}

void Store::set_ref(const Ref& ref) {
  ref_path(ref.kind, ref.name);  // names are checked before anything is touched
  const auto lock = lock_refs();
  write_ref(ref);
}

void Store::set_ref(const Ref& ref, const std::optional<Digest>& expected) {
  ref_path(ref.kind, ref.name);
  const auto lock = lock_refs();
  const auto current = find_ref(ref.kind, ref.name);
  const std::optional<Digest> target = current ? std::optional(current->target) : std::nullopt;
  if (target != expected) {
    throw Error(Code::conflict,
                ref.kind + "/" + ref.name +
                    (target ? " was set to " + target->short_hex() : " was removed") +
                    " by somebody else",
                "look at it, then run the command again");
  }
  write_ref(ref);
}

std::optional<Ref> Store::find_ref(std::string_view kind, std::string_view name) const {
  const std::string path = ref_path(kind, name);
  if (!is_folder(*files_, parent_path(path)) || !files_->exists(path)) return std::nullopt;
  return read_ref(*files_, path, {std::string(kind), std::string(name), {}});
}

std::vector<Ref> Store::list_refs(std::string_view kind) const {
  check_name(kind, "ref kind");
  std::vector<Ref> refs;
  const std::string folder = join_path(folder_, "refs/" + std::string(kind));
  if (!is_folder(*files_, folder)) return refs;
  for (const std::string& name : files_->list(folder)) {
    if (!is_name(name)) continue;
    refs.push_back(read_ref(*files_, join_path(folder, name), {std::string(kind), name, {}}));
  }
  return refs;
}

std::vector<std::string> Store::list_ref_kinds() const {
  std::vector<std::string> kinds;
  const std::string folder = join_path(folder_, "refs");
  if (!is_folder(*files_, folder)) return kinds;
  for (const std::string& name : files_->list(folder)) {
    if (is_name(name) && is_folder(*files_, join_path(folder, name))) kinds.push_back(name);
  }
  return kinds;
}

void Store::remove_ref(std::string_view kind, std::string_view name) {
  const std::string path = ref_path(kind, name);
  const auto lock = lock_refs();
  if (!is_folder(*files_, parent_path(path)) || !files_->exists(path)) {
    throw Error(Code::not_found,
                "there is no " + std::string(kind) + "/" + std::string(name) + " in the store");
  }
  files_->remove(path);
  files_->sync_directory(parent_path(path));
}

}  // namespace repro::artifacts
