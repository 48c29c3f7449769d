// libgit2, opened with dlopen at the first call instead of linked: it loads TLS, SSH and HTTP
// libraries, which `repro status` should not pay for.
//
// Thread rules: `Libgit2` objects may be made in any thread; each keeps the library initialised
// until destroyed.
#pragma once

#include <git2.h>

#include <memory>
#include <string_view>

namespace repro::artifacts {

// The functions in use, with the types of git2.h. A member is called like its function without
// "git_".
struct GitFunctions {
  decltype(&git_libgit2_init) libgit2_init = nullptr;
  decltype(&git_libgit2_shutdown) libgit2_shutdown = nullptr;
  decltype(&git_error_last) error_last = nullptr;
  decltype(&git_repository_open_ext) repository_open_ext = nullptr;
  decltype(&git_repository_free) repository_free = nullptr;
  decltype(&git_repository_is_bare) repository_is_bare = nullptr;
  decltype(&git_reference_name_to_id) reference_name_to_id = nullptr;
  decltype(&git_commit_lookup) commit_lookup = nullptr;
  decltype(&git_commit_free) commit_free = nullptr;
  decltype(&git_commit_tree) commit_tree = nullptr;
  decltype(&git_tree_free) tree_free = nullptr;
  decltype(&git_diff_options_init) diff_options_init = nullptr;
  decltype(&git_diff_tree_to_workdir_with_index) diff_tree_to_workdir_with_index = nullptr;
  decltype(&git_diff_num_deltas) diff_num_deltas = nullptr;
  decltype(&git_diff_print) diff_print = nullptr;
  decltype(&git_diff_free) diff_free = nullptr;
  decltype(&git_oid_tostr) oid_tostr = nullptr;
  decltype(&git_submodule_foreach) submodule_foreach = nullptr;
  decltype(&git_submodule_path) submodule_path = nullptr;
  decltype(&git_submodule_wd_id) submodule_wd_id = nullptr;
  decltype(&git_submodule_index_id) submodule_index_id = nullptr;
};

// An initialised libgit2. Throws Error(environment) where the library is missing or too different.
class Libgit2 {
 public:
  Libgit2();
  ~Libgit2();
  Libgit2(const Libgit2&) = delete;
  Libgit2& operator=(const Libgit2&) = delete;

  const GitFunctions* operator->() const { return &functions_; }

  // Throws Error(environment) with libgit2's own words where `result` is negative.
  void check(int result, std::string_view doing) const;

 private:
  GitFunctions functions_;
};

// Owners of libgit2's objects: `Owned<git_tree> tree(raw, git->tree_free);`
template <typename Object>
using Owned = std::unique_ptr<Object, void (*)(Object*)>;

}  // namespace repro::artifacts
