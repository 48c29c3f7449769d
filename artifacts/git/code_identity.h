// Which code a recipe came from: the git commit, what was changed beside it, its submodules.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace repro::artifacts {

struct Submodule {
  std::string path;
  std::string commit;
};

struct CodeIdentity {
  std::string commit;  // hex id of HEAD; "" in a repository without commits
  bool dirty = false;  // tracked files differ from HEAD, or untracked files that are not ignored
  std::string diff;  // unified diff of tracked changes against HEAD plus untracked files as added;
                     // "" when clean
  std::vector<Submodule> submodules;  // in path order
};

// The repository that holds `path`, or nullopt where there is none. Diffs over 16 MiB are cut with
// a last line that says so. Error(environment) where libgit2 fails. Loads libgit2 only when called.
std::optional<CodeIdentity> find_code_identity(const std::string& path);

}  // namespace repro::artifacts
