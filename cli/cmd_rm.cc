#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/resolve.h"

namespace repro::cli {
namespace {

void say_removed(Context& context, const std::string& kind, const std::string& name,
                 const std::string& remains) {
  context.io().line(fmt::format("removed {} {}; {}", kind, name, remains));
  context.io().emit("removed", {{"kind", kind}, {"name", name}});
}

// Files of the run's folder, then the folder. The lock is held and its file goes last.
void remove_run_folder(FileSystem& files, const std::string& folder) {
  for (const std::string& name : files.list(folder)) {
    if (name != "lock") files.remove(join_path(folder, name));
  }
  files.remove(join_path(folder, "lock"));
  files.remove(folder);
}

void remove_run(Context& context, const manifests::Run& run) {
  artifacts::Store& store = context.store();
  if (!store.find_ref("runs", run.id)) {
    throw Error(Code::not_found, "run " + run_label(run) + " was removed already");
  }
  const auto lock = store.lock_run(run.id);
  store.remove_ref("runs", run.id);
  remove_run_folder(store.files(), store.run_folder(run.id));
  say_removed(context, "run", run_label(run),
              "its objects stay in the store, and tags and branches of it keep working");
}

int run_rm(const Arguments& arguments, Context& context) {
  artifacts::Store& store = context.store();
  for (const std::string& text : arguments.all("X")) {
    if (store.find_ref("tags", text)) {
      store.remove_ref("tags", text);
      say_removed(context, "tag", text, "what it named stays");
      continue;
    }
    if (store.find_ref("logs", text)) {
      store.remove_ref("logs", text);
      say_removed(context, "log", text, "its objects stay in the store");
      continue;
    }
    const Resolved resolved = resolve(context, text);
    if (resolved.noun == Noun::run) {
      remove_run(context, *resolved.run);
    } else if (resolved.noun == Noun::dataset && !resolved.name.empty()) {
      store.remove_ref("datasets", resolved.name);
      say_removed(context, "dataset", resolved.name,
                  "its objects stay in the store, and runs that use it keep working");
    } else if (resolved.noun == Noun::model && !resolved.name.empty()) {
      store.remove_ref("models", resolved.name);
      say_removed(context, "model", resolved.name,
                  "its objects stay in the store, and what was made of it keeps working");
    } else {
      throw Error(
          Code::invalid_argument,
          fmt::format(
              "'{}' is a {}; only runs, tags, models, datasets and imported logs can be removed",
              text, noun_name(resolved.noun)));
    }
  }
  return 0;
}

}  // namespace

Command make_rm_command() {
  return {.name = "rm",
          .group = "Look",
          .summary = "remove a run, tag, model, dataset or imported log by name",
          .details =
              "Only the name is removed; objects stay. A run that is being trained is not "
              "removed (exit code 6).",
          .needs = Needs::store,
          .options = {{"X", ValueKind::many, "", "runs, tags, models, datasets and imported logs",
                       Required::yes}},
          .run = run_rm};
}

}  // namespace repro::cli
