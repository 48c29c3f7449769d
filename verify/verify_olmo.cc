#include "verify/verify_olmo.h"

#include <algorithm>
#include <set>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "verify/checkpoint_list.h"
#include "verify/olmo_checkpoint.h"
#include "verify/olmo_checks.h"

namespace repro::verify {
namespace {

constexpr std::uint64_t kMaxListBytes = std::uint64_t{16} << 20;
constexpr std::size_t kMaxCheckpoints = 100'000;
constexpr std::string_view kNames =
    "names of checkpoints are like step1000, step1000-unsharded, stage1-step1000-tokens5B, main";

std::string counted(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " checkpoint" : " checkpoints");
}

class FolderVerifier {
 public:
  FolderVerifier(FileSystem& files, const std::string& folder, const Progress& progress)
      : files_(files), folder_(folder), progress_(progress) {}

  OlmoVerification run() {
    find_checkpoints();
    check_list();
    run_checks();
    run_series_checks();
    for (const OlmoCheckpoint& checkpoint : checkpoints_) derive(checkpoint);
    std::string released;
    for (const OlmoCheckpoint& checkpoint : checkpoints_) {
      result_.num_objects += checkpoint.payloads.size();
      result_.num_tensors += checkpoint.tensors.size();
      if (!released.empty()) continue;
      if (checkpoint.model) released = released_model(*checkpoint.model);
      if (released.empty() && checkpoint.run && checkpoint.run->model) {
        released = released_model(*checkpoint.run->model);
      }
    }
    for (std::string& reason : olmo_unverifiable(released)) {
      result_.not_checked.push_back(std::move(reason));
    }
    auto indices = check_indices();
    sort_findings(result_.findings);
    return {std::move(result_), std::move(derived_), std::move(indices)};
  }

 private:
  void read(const std::string& path) {
    checkpoints_.push_back(read_olmo_checkpoint(files_, path, progress_, result_.findings));
  }

  static bool is_name(const std::string& name) {
    return name == kMainName || find_olmo_name(name).has_value();
  }

  void find_checkpoints() {
    const std::vector<std::string> names = files_.list(folder_);
    // A run's own folder has a config.yaml too, beside its checkpoints.
    const bool is_run = std::any_of(names.begin(), names.end(), is_name);
    if (!is_run && is_olmo_checkpoint(files_, folder_)) return read(folder_);
    for (const std::string& name : names) {
      const std::string path = join_path(folder_, name);
      const auto status = files_.find_status(path);
      if (!status || status->kind == FileKind::regular) continue;
      if (!indices_.empty() && parent_path(indices_) == path) continue;
      const bool named = status->kind == FileKind::directory && is_name(name);
      if (named && checkpoints_.size() < kMaxCheckpoints) {
        read(path);
      } else {
        result_.findings.push_back(
            {Severity::note, "checkpoint", path, "", {}, "is not looked at: no checkpoint's name"});
      }
    }
    if (checkpoints_.empty()) {
      throw Error(Code::not_found, folder_ + " holds no checkpoint of OLMo", std::string(kNames));
    }
    std::sort(checkpoints_.begin(), checkpoints_.end(),
              [](const auto& a, const auto& b) { return order_of(a) < order_of(b); });
  }

  // Folders of one run as a list: two of one step, steps that are missing.
  void check_list() {
    CheckpointList list{folder_, {}};
    for (const OlmoCheckpoint& checkpoint : checkpoints_) {
      if (!checkpoint.name) continue;
      const OlmoName& name = *checkpoint.name;
      // A revision and the trainer's own folder are two forms of a step, not two claims to it.
      const std::string run = name.billions || name.stage != 0 ? std::to_string(name.stage) + "." +
                                                                     std::to_string(name.ingredient)
                                                               : "";
      list.rows.push_back(
          {run, name.step, checkpoint.path, static_cast<std::int64_t>(list.rows.size()) + 1});
    }
    if (list.rows.size() < 2) return;
    for (Finding& finding : check_checkpoint_list(list)) {
      result_.findings.push_back(std::move(finding));
    }
    result_.checked.push_back("steps of the folders' names: twice, missing (" +
                              counted(list.rows.size()) + ")");
  }

  // `main` is of no step, and comes last.
  static std::pair<std::int64_t, std::string_view> order_of(const OlmoCheckpoint& checkpoint) {
    return {checkpoint.name ? checkpoint.name->step : INT64_MAX, checkpoint.label};
  }

  void note_check(std::size_t count, std::string_view claim, std::string_view needs) {
    if (count == 0) {
      result_.not_checked.push_back(std::string(claim) + ": needs " + std::string(needs));
    } else {
      result_.checked.push_back(std::string(claim) + " (" + counted(count) + ")");
    }
  }

  void run_checks() {
    for (const OlmoCheck& check : olmo_checks()) {
      std::size_t count = 0;
      for (const OlmoCheckpoint& checkpoint : checkpoints_) {
        if ((evidence_of(checkpoint) & check.evidence) != check.evidence) continue;
        ++count;
        check.run(checkpoint, result_.findings);
      }
      note_check(count, check.claim, check.needs);
    }
  }

  void run_series_checks() {
    for (const OlmoSeriesCheck& check : olmo_series_checks()) {
      std::vector<const OlmoCheckpoint*> able;
      for (const OlmoCheckpoint& checkpoint : checkpoints_) {
        if ((evidence_of(checkpoint) & check.evidence) == check.evidence) {
          able.push_back(&checkpoint);
        }
      }
      const std::size_t count = check.run(files_, able, result_.findings);
      note_check(count, check.claim, check.needs);
    }
  }

  // The run's configuration, else that of the first checkpoint that has one.
  std::optional<OlmoRun> find_run() const {
    const std::string path = join_path(folder_, "config.yaml");
    const auto status = files_.find_status(path);
    if (status && status->kind == FileKind::regular) {
      try {
        return read_olmo_run(path, files_.read_file(path, kMaxListBytes));
      } catch (const Error& error) {
        if (error.code() == Code::io) throw;  // another version's keys; a checkpoint may have ours
      }
    }
    for (const OlmoCheckpoint& checkpoint : checkpoints_) {
      if (checkpoint.run) return checkpoint.run;
    }
    return std::nullopt;
  }

  std::optional<OlmoIndices> check_indices() {
    constexpr std::string_view kClaim = "global_indices.npy has every index once, none outside";
    const auto run = indices_.empty() ? std::nullopt : find_run();
    if (!run || !run->drops_last) {
      note_check(0, kClaim, "the file, and config.yaml with data.drop_last");
      return std::nullopt;
    }
    auto indices = read_olmo_indices(files_, indices_, *run, result_.findings);
    result_.checked.emplace_back(kClaim);
    if (!indices || run->batch_size <= kMaxOrderBatch) return indices;
    note_check(0, "global_indices.npy is the order of its seed",
               "a batch of at most " + std::to_string(kMaxOrderBatch) + " sequences");
    return std::nullopt;
  }

  void derive(const OlmoCheckpoint& checkpoint) {
    if (!checkpoint.name || checkpoint.name->step == 0) return;
    const std::int64_t step = checkpoint.name->step;
    std::string text = checkpoint.label + ":";
    std::int64_t tokens = 0;
    if (checkpoint.tokens_per_step > 0 &&
        !__builtin_mul_overflow(step, checkpoint.tokens_per_step, &tokens)) {
      text += " " + std::to_string(tokens) + " tokens seen";
    }
    if (checkpoint.run && checkpoint.run->schedule) {
      text += (tokens > 0 ? ", " : " ") + std::string("learning rate ") +
              decimal_text(olmo_learning_rate(*checkpoint.run->schedule, step));
    } else if (checkpoint.run) {
      text += " (no learning rate: " + checkpoint.run->no_schedule + ")";
    }
    if (text.back() != ':') derived_.push_back(std::move(text));
  }

  FileSystem& files_;
  const std::string& folder_;
  const Progress& progress_;
  std::string indices_ = find_olmo_indices(files_, folder_);  // "": none
  std::vector<OlmoCheckpoint> checkpoints_;
  Verification result_;
  std::vector<std::string> derived_;
};

}  // namespace

OlmoVerification verify_olmo_list(FileSystem& files, const std::string& path) {
  const CheckpointList list = parse_checkpoint_list(files.read_file(path, kMaxListBytes), path);
  Verification result;
  result.findings = check_checkpoint_list(list);
  std::set<std::string> runs;
  for (const ListedCheckpoint& row : list.rows) runs.insert(row.ingredient);
  result.checked = {std::to_string(list.rows.size()) + " rows of " + std::to_string(runs.size()) +
                        (runs.size() == 1 ? " run" : " runs") +
                        ": steps twice, one location for two steps, order, missing steps",
                    "steps of the column against those in the locations' names"};
  result.not_checked = {"that the locations exist and hold these checkpoints: nothing is fetched",
                        "that two locations hold different bytes: `repro verify --as olmo2 DIR` "
                        "compares what was downloaded"};
  for (std::string& reason : olmo_unverifiable("")) result.not_checked.push_back(std::move(reason));
  return {std::move(result), {}, std::nullopt};
}

OlmoVerification verify_olmo_folder(FileSystem& files, const std::string& folder,
                                    const Progress& progress) {
  return FolderVerifier(files, folder, progress).run();
}

}  // namespace repro::verify
