#include "artifacts/git/libgit2.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

#include "artifacts/base/error.h"

namespace repro::artifacts {
namespace {

[[noreturn]] void fail_to_load() {
  const char* reason = dlerror();
  throw Error(Code::environment,
              fmt::format("cannot load {}: {}", REPRO_LIBGIT2, reason ? reason : "unknown reason"),
              "install libgit2 (scripts/deps does), or rebuild against the version that is here");
}

template <typename Function>
void resolve(void* library, const char* name, Function& function) {
  void* address = dlsym(library, name);
  if (!address) fail_to_load();
  function = reinterpret_cast<Function>(address);
}

GitFunctions resolve_all(void* library) {
  GitFunctions git;
  resolve(library, "git_libgit2_init", git.libgit2_init);
  resolve(library, "git_libgit2_shutdown", git.libgit2_shutdown);
  resolve(library, "git_error_last", git.error_last);
  resolve(library, "git_repository_open_ext", git.repository_open_ext);
  resolve(library, "git_repository_free", git.repository_free);
  resolve(library, "git_repository_is_bare", git.repository_is_bare);
  resolve(library, "git_reference_name_to_id", git.reference_name_to_id);
  resolve(library, "git_commit_lookup", git.commit_lookup);
  resolve(library, "git_commit_free", git.commit_free);
  resolve(library, "git_commit_tree", git.commit_tree);
  resolve(library, "git_tree_free", git.tree_free);
  resolve(library, "git_diff_options_init", git.diff_options_init);
  resolve(library, "git_diff_tree_to_workdir_with_index", git.diff_tree_to_workdir_with_index);
  resolve(library, "git_diff_num_deltas", git.diff_num_deltas);
  resolve(library, "git_diff_print", git.diff_print);
  resolve(library, "git_diff_free", git.diff_free);
  resolve(library, "git_oid_tostr", git.oid_tostr);
  resolve(library, "git_submodule_foreach", git.submodule_foreach);
  resolve(library, "git_submodule_path", git.submodule_path);
  resolve(library, "git_submodule_wd_id", git.submodule_wd_id);
  resolve(library, "git_submodule_index_id", git.submodule_index_id);
  return git;
}

}  // namespace

Libgit2::Libgit2() {
  // Never closed: libraries under it register exit handlers.
  void* library = dlopen(REPRO_LIBGIT2, RTLD_NOW | RTLD_LOCAL);
  if (!library) fail_to_load();
  functions_ = resolve_all(library);
  if (functions_.libgit2_init() < 0) {
    throw Error(Code::environment, "libgit2 does not start", "try `git status` in the same folder");
  }
}

Libgit2::~Libgit2() { functions_.libgit2_shutdown(); }

void Libgit2::check(int result, std::string_view doing) const {
  if (result >= 0) return;
  const git_error* last = functions_.error_last();
  const std::string reason =
      last && last->message ? last->message : fmt::format("error {}", result);
  const char* hint = result == GIT_EOWNER
                         ? "the folder belongs to another user: git config --global --add "
                           "safe.directory FOLDER"
                         : "`git status` and `git fsck` in that folder tell more";
  throw Error(Code::environment, fmt::format("git: {}: {}", doing, reason), hint);
}

}  // namespace repro::artifacts
