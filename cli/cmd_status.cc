#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/run_record.h"

namespace repro::cli {
namespace {

Json run_brief(const RunSummary& run, const std::string& status) {
  return {{"id", run.id},     {"name", run.name},   {"recipe", run.recipe},
          {"step", run.step}, {"until", run.until}, {"status", status}};
}

template <class List>
std::string count_of(const List& list, std::string_view noun) {
  return plural_text(static_cast<std::int64_t>(list.size()), noun);
}

int run_status(const Arguments&, Context& context) {
  Io& io = context.io();
  artifacts::Store& store = context.store();
  const std::vector<RunSummary> runs = list_summaries(context);
  const auto datasets = store.list_refs("datasets");
  const auto models = store.list_refs("models");
  const auto tags = store.list_refs("tags");
  io.line("store     " + store.folder());
  io.line(fmt::format("holds     {}, {}, {}, {}", count_of(runs, "run"), count_of(models, "model"),
                      count_of(datasets, "dataset"), count_of(tags, "tag")));
  Json model_names = Json::array();
  for (const artifacts::Ref& ref : models) {
    io.line("model     " + ref.name);
    model_names.push_back(ref.name);
  }
  Json names = Json::array();
  for (const artifacts::Ref& ref : datasets) {
    io.line("dataset   " + ref.name);
    names.push_back(ref.name);
  }
  Json running = Json::array();
  for (const RunSummary& run : runs) {
    if (live_status(context, run.id, run.status) != "running") continue;
    io.line(fmt::format("training  {} {} step {} of {}", run.id.substr(0, 12), run.recipe, run.step,
                        run.until));
    running.push_back(run_brief(run, "running"));
  }
  Json last;
  if (!runs.empty()) {
    const RunSummary& run = runs.front();
    const std::string status = live_status(context, run.id, run.status);
    last = run_brief(run, status);
    io.line(fmt::format("last run  {} {}{}, {} at step {} of {}", run.id.substr(0, 12), run.recipe,
                        run.name.empty() ? "" : " (" + run.name + ")", status, run.step,
                        run.until));
    if (status == "interrupted") io.line("          `repro resume last` goes on with it");
  } else {
    io.line("          `repro train olmo2-tiny --smoke` makes a first run");
  }
  io.emit("status", {{"store", store.folder()},
                     {"runs", runs.size()},
                     {"models", model_names},
                     {"datasets", names},
                     {"tags", tags.size()},
                     {"running", running},
                     {"last", last}});
  return 0;
}

}  // namespace

Command make_status_command() {
  return {.name = "status",
          .group = "Start",
          .summary = "what the store holds and what is training",
          .details = "",
          .needs = Needs::store,
          .options = {},
          .run = run_status};
}

}  // namespace repro::cli
