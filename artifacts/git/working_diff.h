// What a work tree holds beyond HEAD, as one unified diff.
#pragma once

#include <string>

#include "artifacts/git/libgit2.h"

namespace repro::artifacts {

struct WorkingDiff {
  bool dirty = false;
  std::string text;
};

// Tracked changes of `repository` against `head` (nullptr: an empty tree), staged or not, plus
// untracked files that are not ignored, binary ones in git's base85 form. Files over 16 MiB are
// named with their size instead of shown; past 16 MiB the text is cut; a line that starts with '#'
// says either. Nothing is written, the git index included.
WorkingDiff read_working_diff(const Libgit2& git, git_repository* repository, git_tree* head);

}  // namespace repro::artifacts
