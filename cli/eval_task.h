// The tasks of `repro eval` and of eval.tasks (docs/eval.md), from files or built in.
#pragma once

#include <string>

#include "cli/context.h"
#include "manifests/config.h"
#include "manifests/task.h"

namespace repro::cli {

// Whether a word of the command line names a task and not a model.
bool names_task(const std::string& word);

// A file, or "builtin:NAME.jsonl". Errors of manifests::parse_eval_task, and Error(unsupported) for
// a packed file.
manifests::EvalTask read_eval_task(Context& context, const std::string& path);

// `config` with eval.tasks as a run has it: each file's name and digest. With Keep::yes the files
// become objects of the store, which a run needs; with Keep::no nothing is written. Errors of
// `read_eval_task`; Error(not_found) for a digest that the store does not have.
enum class Keep : std::uint8_t { no, yes };
manifests::Config with_stored_tasks(Context& context, manifests::Config config, Keep keep);

}  // namespace repro::cli
