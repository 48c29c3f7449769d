#include "artifacts/git/code_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "artifacts/base/error.h"
#include "artifacts/git/libgit2.h"
#include "artifacts/git/working_diff.h"

namespace repro::artifacts {
namespace {

std::string oid_text(const Libgit2& git, const git_oid* id) {
  char text[GIT_OID_HEXSZ + 1];
  return git->oid_tostr(text, sizeof(text), id);
}

// nullopt in a repository without commits.
std::optional<git_oid> find_head(const Libgit2& git, git_repository* repository) {
  git_oid id;
  const int result = git->reference_name_to_id(&id, repository, "HEAD");
  if (result == GIT_ENOTFOUND || result == GIT_EUNBORNBRANCH) return std::nullopt;
  git.check(result, "reading HEAD");
  return id;
}

Owned<git_tree> read_tree(const Libgit2& git, git_repository* repository,
                          const git_oid& commit_id) {
  git_commit* raw_commit = nullptr;
  git.check(git->commit_lookup(&raw_commit, repository, &commit_id), "reading the commit of HEAD");
  const Owned<git_commit> commit(raw_commit, git->commit_free);
  git_tree* tree = nullptr;
  git.check(git->commit_tree(&tree, commit.get()), "reading the tree of HEAD");
  return {tree, git->tree_free};
}

struct SubmoduleList {
  const Libgit2& git;
  std::vector<Submodule> found;
  std::exception_ptr failure;
};

// The commit that is checked out, or the one recorded where none is.
int add_submodule(git_submodule* submodule, const char*, void* payload) {
  auto& list = *static_cast<SubmoduleList*>(payload);
  try {
    const git_oid* id = list.git->submodule_wd_id(submodule);
    if (!id) id = list.git->submodule_index_id(submodule);
    list.found.push_back(
        {list.git->submodule_path(submodule), id ? oid_text(list.git, id) : std::string()});
  } catch (...) {
    list.failure = std::current_exception();
    return GIT_EUSER;
  }
  return 0;
}

std::vector<Submodule> list_submodules(const Libgit2& git, git_repository* repository) {
  SubmoduleList list{git, {}, nullptr};
  const int result = git->submodule_foreach(repository, add_submodule, &list);
  if (list.failure) std::rethrow_exception(list.failure);
  git.check(result, "listing submodules");
  std::sort(list.found.begin(), list.found.end(),
            [](const Submodule& a, const Submodule& b) { return a.path < b.path; });
  return list.found;
}

}  // namespace

std::optional<CodeIdentity> find_code_identity(const std::string& path) {
  const Libgit2 git;
  git_repository* raw = nullptr;
  const int opened = git->repository_open_ext(&raw, path.c_str(), 0, nullptr);
  if (opened == GIT_ENOTFOUND) return std::nullopt;
  git.check(opened, fmt::format("opening the repository of {}", path));
  const Owned<git_repository> repository(raw, git->repository_free);

  CodeIdentity identity;
  const std::optional<git_oid> head = find_head(git, repository.get());
  Owned<git_tree> tree(nullptr, git->tree_free);
  if (head) {
    identity.commit = oid_text(git, &*head);
    tree = read_tree(git, repository.get(), *head);
  }
  if (git->repository_is_bare(repository.get())) return identity;
  WorkingDiff diff = read_working_diff(git, repository.get(), tree.get());
  identity.dirty = diff.dirty;
  identity.diff = std::move(diff.text);
  identity.submodules = list_submodules(git, repository.get());
  return identity;
}

}  // namespace repro::artifacts
