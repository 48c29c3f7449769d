#include "verify/fsck.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "artifacts/base/error.h"
#include "verify/reference_graph.h"
#include "verify/run_logs.h"

namespace repro::verify {
namespace {

bool is_hex(std::string_view text, std::size_t size) {
  return text.size() == size &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Left by `write_file_atomically` when its process was killed before the rename.
bool is_temporary(std::string_view name) { return name.find(".tmp-") != std::string_view::npos; }

class StoreCheck {
 public:
  StoreCheck(const artifacts::Store& store, const Progress& progress)
      : store_(store), files_(store.files()), progress_(progress), graph_(store) {}

  FsckReport run() {
    check_format();
    check_top_folder();
    check_refs();
    check_objects();
    check_runs();
    for (Finding& finding : graph_.findings()) add(std::move(finding));
    sort_findings(report_.findings);
    return std::move(report_);
  }

 private:
  std::string path(std::string_view name) const { return join_path(store_.folder(), name); }
  void add(Finding finding) { report_.findings.push_back(std::move(finding)); }
  void add(Severity severity, std::string kind, std::string at, std::string message) {
    add(Finding{severity, std::move(kind), std::move(at), "", {}, std::move(message)});
  }
  void add_foreign(const std::string& at, Severity severity = Severity::warning) {
    if (is_temporary(base_name(at))) {
      add(Severity::note, "foreign", at, "left by a process that was killed");
    } else {
      add(severity, "foreign", at, "does not belong in a store");
    }
  }
  // Entries of a folder of the store; none where it is not there. A folder that is no folder is
  // foreign.
  std::vector<std::string> entries(const std::string& folder) {
    const auto status = files_.find_status(folder);
    if (!status) return {};
    if (status->kind == FileKind::directory) return files_.list(folder);
    add_foreign(folder, Severity::corruption);
    return {};
  }
  bool is_kind(const std::string& at, FileKind kind) {
    const auto status = files_.find_status(at);
    return status && status->kind == kind;
  }

  void check_format();
  void check_top_folder();
  void check_refs();
  void check_ref(const std::string& kind, const std::string& name);
  void check_objects();
  void check_object(const std::string& at, const Digest& digest);
  void check_runs();

  const artifacts::Store& store_;
  FileSystem& files_;
  const Progress& progress_;
  ReferenceGraph graph_;
  FsckReport report_;
};

void StoreCheck::check_format() {
  try {
    artifacts::Store::open(files_, store_.folder());
  } catch (const Error& error) {
    add(finding_of(error, "format", path("format")));
  }
}

void StoreCheck::check_top_folder() {
  constexpr std::array<std::string_view, 6> kKnown = {"format", "index", "objects",
                                                      "refs",   "runs",  "tmp"};
  for (const std::string& name : entries(store_.folder())) {
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) add_foreign(path(name));
  }
  for (const std::string& name : entries(path("tmp"))) {
    if (name == artifacts::kRefsLockName) continue;
    add(Severity::note, "temporary", path("tmp/" + name), "an unpublished file");
  }
}

void StoreCheck::check_refs() {
  constexpr std::array<std::string_view, 6> kKinds = {"datasets", "logs", "models",
                                                      "orders",   "runs", "tags"};
  for (const std::string& kind : entries(path("refs"))) {
    const std::string folder = path("refs/" + kind);
    if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
      add_foreign(folder);
      continue;
    }
    for (const std::string& name : entries(folder)) {
      if (is_temporary(name) || !is_kind(join_path(folder, name), FileKind::regular)) {
        add_foreign(join_path(folder, name));
      } else {
        check_ref(kind, name);
      }
    }
  }
}

void StoreCheck::check_ref(const std::string& kind, const std::string& name) {
  const std::string at = path("refs/" + kind + "/" + name);
  ++report_.num_refs;
  if (kind == "runs") ++report_.num_runs;
  try {
    if (const auto ref = store_.find_ref(kind, name)) graph_.add_ref(*ref, at);
  } catch (const Error& error) {
    add(finding_of(error, "ref", at));
  }
}

void StoreCheck::check_objects() {
  struct Found {
    std::string path;
    Digest digest;
    std::uint64_t size = 0;
  };
  std::vector<Found> objects;
  std::uint64_t total = 0;
  for (const std::string& head : entries(path("objects"))) {
    const std::string folder = path("objects/" + head);
    if (!is_hex(head, 2) || !is_kind(folder, FileKind::directory)) {
      add_foreign(folder, Severity::corruption);
      continue;
    }
    for (const std::string& tail : entries(folder)) {
      const std::string at = join_path(folder, tail);
      const auto digest = is_hex(tail, 62) ? find_digest(head + tail) : std::nullopt;
      const auto status = files_.find_status(at);
      if (!digest || !status || status->kind != FileKind::regular) {
        add_foreign(at, Severity::corruption);
        continue;
      }
      objects.push_back({at, *digest, status->size});
      total += status->size;
    }
  }
  report_.num_objects = objects.size();
  report_.object_bytes = total;
  std::uint64_t done = 0;
  for (const Found& object : objects) {
    check_object(object.path, object.digest);
    done += object.size;
    if (progress_) progress_(done, total);
  }
}

void StoreCheck::check_object(const std::string& at, const Digest& digest) {
  if (graph_.is_sound(digest)) return;
  try {
    store_.read(digest, [](std::span<const std::byte>) {});
  } catch (Error& error) {
    if (error.message().find(at) == std::string::npos) error.context("file " + at);
    graph_.add_object_error(digest, error);
  }
}

void StoreCheck::check_runs() {
  constexpr std::array<std::string_view, 4> kKnown = {"lock", kLogTail, kTelemetryTail, kTraceFile};
  for (const std::string& id : entries(path("runs"))) {
    const std::string folder = path("runs/" + id);
    if (!is_hex(id, 64) || !is_kind(folder, FileKind::directory)) {
      add_foreign(folder);
      continue;
    }
    for (const std::string& name : entries(folder)) {
      if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
        add_foreign(join_path(folder, name));
      }
    }
    if (!files_.exists(path("refs/runs/" + id))) {
      add(Severity::note, "run", folder, "the run was never published; it has no state yet");
    }
    for (Finding& finding : check_run_folder(store_, id)) add(std::move(finding));
  }
}

}  // namespace

FsckReport check_store(const artifacts::Store& store, const Progress& progress) {
  return StoreCheck(store, progress).run();
}

}  // namespace repro::verify
