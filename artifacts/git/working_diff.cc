#include "artifacts/git/working_diff.h"

#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <string_view>

namespace repro::artifacts {
namespace {

constexpr std::size_t kMaxDiffBytes = std::size_t{16} << 20;

// What the callbacks fill. No exception may cross libgit2's C frames, so one is kept here instead.
struct Collector {
  std::string text;
  std::string omitted;
  bool cut = false;
  std::exception_ptr failure;
};

// Keeps what is too large out of the diff before libgit2 reads it: somebody's data set may lie
// there.
int note_delta(const git_diff*, const git_diff_delta* delta, const char*, void* payload) {
  auto& collector = *static_cast<Collector*>(payload);
  const git_diff_file& file = delta->new_file;
  if (file.size <= kMaxDiffBytes) return 0;
  try {
    collector.omitted += fmt::format("# not shown: {} ({} bytes)\n", file.path, file.size);
  } catch (...) {
    collector.failure = std::current_exception();
    return GIT_EUSER;
  }
  return 1;
}

int append_line(const git_diff_delta*, const git_diff_hunk*, const git_diff_line* line,
                void* payload) {
  auto& collector = *static_cast<Collector*>(payload);
  const bool has_origin = line->origin == GIT_DIFF_LINE_CONTEXT ||
                          line->origin == GIT_DIFF_LINE_ADDITION ||
                          line->origin == GIT_DIFF_LINE_DELETION;
  if (collector.text.size() + line->content_len + 1 > kMaxDiffBytes) {
    collector.cut = true;
    return GIT_EUSER;
  }
  try {
    if (has_origin) collector.text += line->origin;
    collector.text.append(line->content, line->content_len);
  } catch (...) {
    collector.failure = std::current_exception();
    return GIT_EUSER;
  }
  return 0;
}

git_diff_options plan_options(const Libgit2& git, Collector& collector) {
  git_diff_options options;
  git.check(git->diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION), "preparing a diff");
  options.flags = GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_RECURSE_UNTRACKED_DIRS |
                  GIT_DIFF_SHOW_UNTRACKED_CONTENT | GIT_DIFF_INCLUDE_TYPECHANGE |
                  GIT_DIFF_SHOW_BINARY;
  options.id_abbrev = GIT_OID_HEXSZ;  // otherwise it grows with the repository
  options.notify_cb = note_delta;
  options.payload = &collector;
  return options;
}

}  // namespace

WorkingDiff read_working_diff(const Libgit2& git, git_repository* repository, git_tree* head) {
  Collector collector;
  const git_diff_options options = plan_options(git, collector);
  git_diff* raw = nullptr;
  const int made = git->diff_tree_to_workdir_with_index(&raw, repository, head, &options);
  if (collector.failure) std::rethrow_exception(collector.failure);
  git.check(made, "comparing the work tree with HEAD");
  const Owned<git_diff> diff(raw, git->diff_free);
  const int printed = git->diff_print(diff.get(), GIT_DIFF_FORMAT_PATCH, append_line, &collector);
  if (collector.failure) std::rethrow_exception(collector.failure);
  if (!collector.cut) git.check(printed, "writing the difference from HEAD");

  WorkingDiff result;
  result.dirty = git->diff_num_deltas(diff.get()) > 0 || !collector.omitted.empty();
  result.text = std::move(collector.text) + collector.omitted;
  if (collector.cut) {
    result.text += fmt::format("\n# cut after {} bytes\n", kMaxDiffBytes);
  }
  return result;
}

}  // namespace repro::artifacts
