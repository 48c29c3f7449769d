#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/findings.h"
#include "cli/imported_log.h"
#include "imports/foreign_log.h"

namespace repro::cli {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;

constexpr const char* kDetails =
    "FILE is a log of another trainer: CSV with a column of steps, JSON lines, or an event file of "
    "TensorBoard\n(scalars). The file is kept as it is, with the curves read out of it; `repro "
    "report` draws them beside those of\nruns. Where a step was logged twice, the last value "
    "counts. `repro rm NAME` removes it.";

// The curves in the store; nothing of it has a name yet.
Digest put_log(artifacts::Store& store, imports::LogFormat format, const std::string& bytes,
               const imports::ForeignLog& log) {
  manifests::ImportedLog manifest;
  manifest.format = imports::log_format_name(format);
  manifest.file = store.put(bytes).digest;
  manifest.size = static_cast<std::int64_t>(bytes.size());
  manifest.records = store.put(manifests::encode_records(log.records)).digest;
  manifest.points = log.points;
  manifest.replaced = log.replaced;
  manifest.not_finite = log.not_finite;
  manifest.num_ignored = static_cast<std::int64_t>(log.ignored.size());
  return store.put(manifests::encode_imported_log(manifest)).digest;
}

void print_log(Io& io, const imports::ForeignLog& log) {
  std::vector<std::vector<std::string>> rows = {{"CURVE", "POINTS", "FIRST STEP", "LAST STEP"}};
  for (const manifests::Record& record : log.records) {
    const auto& curve = std::get<manifests::Curve>(record);
    const auto& steps = curve.series.front().steps;
    rows.push_back({printable(curve.name), std::to_string(steps.size()),
                    std::to_string(steps.front()), std::to_string(steps.back())});
  }
  io.table(rows);
  for (const std::string& name : log.ignored) io.line("ignored, no numbers: " + printable(name));
  if (log.replaced > 0) {
    io.line(plural_text(log.replaced, "value") +
            " of steps that were logged again: the last counts");
  }
  if (log.not_finite > 0) io.line(plural_text(log.not_finite, "value") + " not finite: kept");
}

void name_log(artifacts::Store& store, const std::string& name, const Digest& manifest,
              bool force) {
  const auto old = store.find_ref(kLogRefs, name);
  if (old && old->target == manifest) return;
  if (old && !force) {
    throw Error(Code::already_exists, "there is an imported log " + name + " of other bytes",
                "give --force to replace it, or another --name");
  }
  const auto expected = old ? std::optional(old->target) : std::nullopt;
  store.set_ref({kLogRefs, name, manifest}, expected);
}

int run_import_log(const Arguments& arguments, Context& context) {
  const std::string& path = arguments.text("FILE");
  const std::string& name = arguments.text("--name");
  artifacts::check_name(name, "name of a log");
  const auto given = arguments.find("--format");
  const imports::LogFormat format =
      given ? imports::parse_log_format(*given) : imports::guess_log_format(base_name(path));
  const std::string bytes = context.files().read_file(path, kMaxFileBytes);
  const imports::ForeignLog log = imports::read_foreign_log(format, path, bytes);
  const Digest manifest = put_log(context.store(), format, bytes, log);
  name_log(context.store(), name, manifest, arguments.has("--force"));
  Io& io = context.io();
  print_log(io, log);
  io.line(fmt::format("log {}: {}", name, manifest.hex()));
  io.emit("imported_log", {{"name", name},
                           {"manifest", manifest.hex()},
                           {"format", imports::log_format_name(format)},
                           {"digest", sha256(bytes).hex()},
                           {"curves", log.records.size()},
                           {"points", log.points},
                           {"replaced", log.replaced},
                           {"not_finite", log.not_finite},
                           {"ignored", log.ignored}});
  return 0;
}

}  // namespace

Command make_import_log_command() {
  return {.name = "import log",
          .group = "Start",
          .summary = "take in a log of another trainer",
          .details = kDetails,
          .needs = Needs::store,
          .options = {{"FILE", ValueKind::one, "", "the log", Required::yes},
                      {"--name", ValueKind::one, "NAME", "name to keep it under", Required::yes},
                      {"--format", ValueKind::one, "NAME",
                       "csv, jsonl or tensorboard (default: as its name says)"},
                      {"-f,--force", ValueKind::flag, "", "replace the log of that name"}},
          .run = run_import_log};
}

}  // namespace repro::cli
