#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/draft_folder.h"
#include "cli/findings.h"
#include "cli/imported_log.h"
#include "cli/resolve.h"
#include "verify/report.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "X are runs and imported logs (`repro import log`). DIR gets index.html, a page without "
    "scripts "
    "that fetches\nnothing, and records.json, the same as data (docs/report.md). Several runs are "
    "drawn into the same pictures,\nwith the keys in which they differ. The same runs and logs "
    "give "
    "the same bytes.";

struct Subjects {
  std::vector<verify::ReportedRun> runs;
  std::vector<verify::ReportedLog> logs;
};

Subjects find_subjects(Context& context, const std::vector<std::string>& names) {
  Subjects subjects;
  std::set<std::string> seen;
  for (const std::string& text : names) {
    std::string identity = "log " + text;
    if (auto log = find_imported_log(context.store(), text)) {
      subjects.logs.push_back({text, std::move(log->records)});
    } else {
      const Resolved resolved = resolve_run(context, text);
      identity = resolved.run->id;
      subjects.runs.push_back(verify::read_reported_run(context.store(), *resolved.run));
    }
    if (!seen.insert(identity).second) {
      throw Error(Code::invalid_argument, "'" + text + "' is in the report twice");
    }
  }
  return subjects;
}

std::string title_of(const Subjects& subjects) {
  std::string title;
  for (const auto& run : subjects.runs) title += (title.empty() ? "" : ", ") + run.label();
  for (const auto& log : subjects.logs) title += (title.empty() ? "" : ", ") + log.name;
  return "Report on " + title;
}

int run_report(const Arguments& arguments, Context& context) {
  const std::string& folder = arguments.text("--output");
  DraftFolder draft(context.files(), folder);
  const Subjects subjects = find_subjects(context, arguments.all("X"));
  const verify::Report report = verify::make_report(subjects.runs, subjects.logs);
  const std::string page = verify::html_page(title_of(subjects), report);
  draft.write("index.html", page);
  draft.write("records.json", manifests::encode_records(report.records));
  draft.publish();
  const std::string path = join_path(folder, "index.html");
  context.io().line(printable(path));
  context.io().emit("report", {{"path", printable(path)},
                               {"digest", sha256(page).hex()},
                               {"runs", subjects.runs.size()},
                               {"logs", subjects.logs.size()},
                               {"records", report.records.size()}});
  return 0;
}

}  // namespace

Command make_report_command() {
  return {.name = "report",
          .group = "Look",
          .summary = "write a page about runs: tables and curves",
          .details = kDetails,
          .needs = Needs::store,
          .options = {{"X", ValueKind::many, "", "runs and imported logs", Required::yes},
                      {"-o,--output", ValueKind::one, "DIR", "folder to make", Required::yes}},
          .run = run_report};
}

}  // namespace repro::cli
