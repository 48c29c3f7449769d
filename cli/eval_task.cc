#include "cli/eval_task.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "cli/findings.h"
#include "manifests/pipeline.h"

namespace repro::cli {
namespace {

constexpr std::string_view kBuiltin = "builtin:";

std::string_view builtin_task(const std::string& path) {
  std::string names;
  for (const auto& task : manifests::builtin_tasks()) {
    const std::string name = fmt::format("{}{}.jsonl", kBuiltin, task.name);
    if (name == path) return task.jsonl;
    names += (names.empty() ? "" : ", ") + name;
  }
  throw Error(Code::not_found, "there is no task " + printable(path), "built-in tasks: " + names);
}

std::string read_task_file(Context& context, const std::string& path) {
  if (path.starts_with(kBuiltin)) return std::string(builtin_task(path));
  if (path.ends_with(".gz")) {
    throw Error(Code::unsupported, printable(path) + " is packed",
                "unpack it first: gunzip -k " + printable(path));
  }
  return context.files().read_file(path, manifests::kMaxTaskBytes);
}

// What stands in a run's config for a word of a recipe.
manifests::StoredTask stored_task(Context& context, const std::string& word, Keep keep) {
  if (const auto task = manifests::find_stored_task(word)) {
    if (keep == Keep::no || context.store().contains(task->digest)) return *task;
    throw Error(Code::not_found,
                fmt::format("eval.tasks has {}, but the store has no such object", printable(word)),
                "give the task's file instead");
  }
  const std::string bytes = read_task_file(context, word);
  const manifests::EvalTask task = manifests::parse_eval_task(bytes, word);
  if (keep == Keep::yes) context.store().put(std::string_view(bytes));
  return {task.name, task.digest};
}

// A log has a line a name, and a task is scored once.
void check_new(const std::vector<manifests::StoredTask>& tasks, const manifests::StoredTask& next,
               const std::string& word) {
  for (const manifests::StoredTask& task : tasks) {
    if (task.name != next.name && task.digest != next.digest) continue;
    throw Error(Code::invalid_argument,
                fmt::format("eval.tasks: {} has the {} of the task {} before it", printable(word),
                            task.name == next.name ? "name" : "content", task.name),
                "leave one out, or give its file another name");
  }
}

}  // namespace

bool names_task(const std::string& word) {
  return word.ends_with(".jsonl") || word.ends_with(".jsonl.gz");
}

manifests::EvalTask read_eval_task(Context& context, const std::string& path) {
  return manifests::parse_eval_task(read_task_file(context, path), path);
}

manifests::Config with_stored_tasks(Context& context, manifests::Config config, Keep keep) {
  std::vector<manifests::StoredTask> tasks;
  for (const std::string& word : manifests::task_words(config.eval.tasks)) {
    manifests::StoredTask task = stored_task(context, word, keep);
    check_new(tasks, task, word);
    tasks.push_back(std::move(task));
  }
  config.eval.tasks = manifests::stored_tasks_text(tasks);
  return config;
}

}  // namespace repro::cli
