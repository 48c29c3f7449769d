#include "manifests/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "artifacts/base/json.h"
#include "artifacts/base/printable.h"

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{16} << 20;
constexpr std::int64_t kMaxChoices = 1000;
// From here on oe-eval numbers its requests without a context; OLMo's trainer passes over them.
constexpr std::int64_t kFirstUnconditional = 1000000;

constexpr const char* kForms =
    R"(a line is {"context":"...","choices":["...","..."],"answer":0} or {"text":"..."}, or a )"
    "request of oe-eval (docs/eval.md)";

// OLMo's evaluator does not count the space with which a choice begins.
std::int64_t byte_count(TaskKind kind, const std::string& text) {
  const bool space = kind == TaskKind::choices && text.size() > 1 && text.front() == ' ';
  return static_cast<std::int64_t>(text.size()) - (space ? 1 : 0);
}

class TaskReader {
 public:
  TaskReader(EvalTask& task, std::string path) : task_(task), path_(std::move(path)) {}

  void read(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size());
      std::string_view line = bytes.substr(0, end);
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
      ++line_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.find_first_not_of(" \t") != std::string_view::npos) read_line(line);
    }
    for (Request& request : requests_) finish(request);
    if (task_.items.empty()) {
      throw Error(Code::invalid_argument, path_ + " has no items", kForms);
    }
  }

 private:
  // The requests of one document, of which each is a choice.
  struct Request {
    std::int64_t document = 0;
    std::int64_t label = 0;
    std::int64_t line = 0;  // of the first
    std::map<std::int64_t, EvalText> choices;
  };

  [[noreturn]] void fail(const std::string& what, const std::string& hint = kForms,
                         std::int64_t line = 0) const {
    throw Error(Code::invalid_argument,
                fmt::format("{}:{}: {}", path_, line > 0 ? line : line_, what), hint);
  }

  void read_line(std::string_view line) {
    if (line.size() > kMaxLineBytes) fail("the line is longer than 16 MiB");
    Json json;
    try {
      json = parse_json(line, "line");
    } catch (const Error& error) {
      fail(error.message());
    }
    if (!json.is_object()) fail("it is no JSON object");
    if (json.contains("request")) return read_request(json);
    if (json.contains("choices")) return read_choices(json);
    if (json.contains("text")) return read_text(json);
    fail(R"(it has none of "choices", "text" and "request")");
  }

  const Json& field(const Json& json, const char* key) const {
    const auto found = json.find(key);
    if (found == json.end()) fail(fmt::format("\"{}\" is missing", key));
    return *found;
  }

  std::string text(const Json& json, const char* key) const {
    const Json& value = field(json, key);
    if (!value.is_string()) fail(fmt::format("\"{}\" is no text", key));
    return value.get<std::string>();
  }

  // A whole number in [0, below).
  std::int64_t number(const Json& json, const char* key, std::int64_t below) const {
    const Json& value = field(json, key);
    if (!value.is_number_integer()) fail(fmt::format("\"{}\" is no whole number", key));
    const bool fits = value.is_number_unsigned() &&
                      value.get<std::uint64_t>() < static_cast<std::uint64_t>(below);
    if (!fits) fail(fmt::format("\"{}\" is {}, not in 0..{}", key, value.dump(), below - 1));
    return value.get<std::int64_t>();
  }

  void take_kind(TaskKind kind) {
    if (!kind_) kind_ = task_.kind = kind;
    if (*kind_ == kind) return;
    fail("the lines before it are of another kind",
         "put choices and texts into files of their own; each is a task");
  }

  void read_text(const Json& json) {
    take_kind(TaskKind::texts);
    EvalItem item;
    item.choices.push_back({"", text(json, "text")});
    if (item.choices.front().text.empty()) fail("the text is empty", "leave the line out");
    task_.items.push_back(std::move(item));
  }

  void read_choices(const Json& json) {
    take_kind(TaskKind::choices);
    EvalItem item;
    const std::string context = text(json, "context");
    const Json& choices = field(json, "choices");
    if (!choices.is_array() || choices.empty()) fail("\"choices\" is no list of texts");
    if (choices.size() > static_cast<std::size_t>(kMaxChoices)) {
      fail(fmt::format("there are more than {} choices", kMaxChoices));
    }
    for (const Json& choice : choices) {
      if (!choice.is_string()) fail("\"choices\" is no list of texts");
      item.choices.push_back({context, choice.get<std::string>()});
    }
    const auto count = static_cast<std::int64_t>(item.choices.size());
    item.answer = static_cast<std::size_t>(number(json, "answer", count));
    add(std::move(item), line_);
  }

  void read_request(const Json& json) {
    take_kind(TaskKind::choices);
    if (json.contains("request_type") && text(json, "request_type") != "loglikelihood") {
      fail(fmt::format("requests of the type '{}' are not scored", text(json, "request_type")),
           "only tasks whose requests are all loglikelihood can be evaluated");
    }
    const std::int64_t document = number(json, "doc_id", INT64_MAX);
    if (document >= kFirstUnconditional) {
      ++task_.passed_over;
      return;
    }
    const Json& request = field(json, "request");
    if (!request.is_object()) fail("\"request\" is no JSON object");
    const auto [place, added] = places_.emplace(document, requests_.size());
    if (added) requests_.push_back({document, number(json, "label", kMaxChoices), line_, {}});
    Request& whole = requests_[place->second];
    if (number(json, "label", kMaxChoices) != whole.label) {
      fail(fmt::format("doc_id {} has another label in line {}", document, whole.line));
    }
    const std::int64_t index = number(json, "idx", kMaxChoices);
    EvalText choice = {text(request, "context"), text(request, "continuation")};
    if (!whole.choices.emplace(index, std::move(choice)).second) {
      fail(fmt::format("doc_id {} has idx {} already", document, index));
    }
  }

  void finish(Request& request) {
    EvalItem item;
    for (auto& [index, choice] : request.choices) {
      if (index != static_cast<std::int64_t>(item.choices.size())) {
        fail(fmt::format("doc_id {} has no idx {}", request.document, item.choices.size()),
             "the file is not whole; unpack it again", request.line);
      }
      item.choices.push_back(std::move(choice));
    }
    if (request.label >= static_cast<std::int64_t>(item.choices.size())) {
      fail(fmt::format("the label of doc_id {} is {}, but it has {} requests", request.document,
                       request.label, item.choices.size()),
           "the file is not whole; unpack it again", request.line);
    }
    item.answer = static_cast<std::size_t>(request.label);
    add(std::move(item), request.line);
  }

  void add(EvalItem item, std::int64_t line) {
    for (std::size_t i = 0; i < item.choices.size(); ++i) {
      if (item.choices[i].text.empty()) {
        fail(fmt::format("choice {} is empty", i), "an empty text has no likelihood", line);
      }
    }
    task_.items.push_back(std::move(item));
  }

  EvalTask& task_;
  std::string path_;
  std::int64_t line_ = 0;
  std::optional<TaskKind> kind_;
  std::vector<Request> requests_;
  std::map<std::int64_t, std::size_t> places_;  // of documents in requests_
};

// "arc_easy/rc_5shot" for .../arc_easy/rc_5shot/requests.jsonl, "a" for x/a.jsonl. Without spaces,
// so that it can stand in a list.
std::string task_name(const std::string& path) {
  const std::string absolute = absolute_path(path);
  std::string name = base_name(absolute);
  if (name == "requests.jsonl") {
    const std::string folder = parent_path(absolute);
    name = base_name(parent_path(folder)) + "/" + base_name(folder);
  } else {
    name = name.substr(0, name.rfind(".jsonl"));
  }
  name = printable(name);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

}  // namespace

EvalTask parse_eval_task(std::string_view bytes, const std::string& path) {
  EvalTask task;
  task.name = task_name(path);
  if (task.name.empty() || task.name.ends_with('/')) {
    throw Error(Code::invalid_argument, printable(path) + ": the task has no name",
                "call its file NAME.jsonl");
  }
  task.digest = sha256(bytes);
  TaskReader(task, printable(path)).read(bytes);
  return task;
}

Evaluation begin_evaluation(const EvalTask& task) {
  Evaluation evaluation;
  evaluation.task = task.digest;
  evaluation.kind = task.kind;
  for (const EvalItem& item : task.items) {
    ItemScore& scores = evaluation.items.emplace_back();
    scores.answer = item.answer;
    for (const EvalText& choice : item.choices) {
      scores.scores.emplace_back().bytes = byte_count(task.kind, choice.text);
    }
  }
  return evaluation;
}

std::vector<std::string> task_words(std::string_view tasks) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = tasks.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    tasks.remove_prefix(begin);
    const std::size_t end = std::min(tasks.find(' '), tasks.size());
    words.emplace_back(tasks.substr(0, end));
    tasks.remove_prefix(end);
  }
}

std::optional<StoredTask> find_stored_task(std::string_view word) {
  const std::size_t at = word.rfind('@');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const auto digest = find_digest(word.substr(at + 1));
  if (!digest) return std::nullopt;
  return StoredTask{std::string(word.substr(0, at)), *digest};
}

std::vector<StoredTask> stored_tasks(std::string_view tasks, std::string_view what) {
  std::vector<StoredTask> stored;
  for (const std::string& word : task_words(tasks)) {
    auto task = find_stored_task(word);
    if (!task) {
      throw Error(Code::corruption, std::string(what) + ": eval.tasks has " + printable(word) +
                                        ", which is not NAME@DIGEST");
    }
    stored.push_back(*std::move(task));
  }
  return stored;
}

std::string stored_tasks_text(const std::vector<StoredTask>& tasks) {
  std::string text;
  for (const StoredTask& task : tasks) {
    text += (text.empty() ? "" : " ") + task.name + "@" + task.digest.hex();
  }
  return text;
}

}  // namespace repro::manifests
