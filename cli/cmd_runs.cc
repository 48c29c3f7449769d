#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/number_text.h"
#include "cli/commands.h"
#include "cli/run_record.h"

namespace repro::cli {
namespace {

std::string rounded(const std::string& decimal) {
  const auto value = find_number(decimal);
  return value ? fmt::format("{:.4f}", *value) : "-";
}

int run_runs(const Arguments&, Context& context) {
  Io& io = context.io();
  std::vector<std::vector<std::string>> rows = {
      {"RUN", "NAME", "RECIPE", "STEP", "STATUS", "LOSS", "STATE", "CREATED"}};
  for (const RunSummary& run : list_summaries(context)) {
    const std::string status = live_status(context, run.id, run.status);
    rows.push_back({run.id.substr(0, 12), run.name.empty() ? "-" : run.name, run.recipe,
                    fmt::format("{}/{}", run.step, run.until), status, rounded(run.loss),
                    run.state_root.empty() ? "-" : run.state_root.substr(0, 12), run.created});
    io.emit("run_summary", {{"id", run.id},
                            {"name", run.name},
                            {"recipe", run.recipe},
                            {"step", run.step},
                            {"until", run.until},
                            {"status", status},
                            {"loss", run.loss},
                            {"state", {{"digest", run.state_root}}},
                            {"created", run.created}});
  }
  if (rows.size() > 1) {
    io.table(rows);
  } else {
    io.line("no runs; `repro train RECIPE` makes one");
  }
  return 0;
}

}  // namespace

Command make_runs_command() {
  return {.name = "runs",
          .group = "Look",
          .summary = "list the runs, newest first",
          .details = "",
          .needs = Needs::store,
          .options = {},
          .run = run_runs};
}

}  // namespace repro::cli
