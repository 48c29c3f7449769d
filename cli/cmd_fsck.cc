#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/findings.h"
#include "cli/progress.h"
#include "verify/fsck.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "Reads every file of the store and checks it: objects against both their digests, refs, "
    "manifests against each other, logs and telemetry against their chains, working files of "
    "runs. Whatever is damaged or missing is named with its file and with what refers to it. "
    "Unpublished files older than a day are removed.\n\n"
    "Exit code: 0 sound, 4 corruption, 1 sound bytes with a false claim. The catalogue is a cache "
    "and never changes the answer. `repro verify` also recomputes the roots of tensors.";

// What crashed writers left is of no use after a day. A store on a read-only medium stays as it is.
void sweep(Context& context) {
  constexpr std::int64_t kDay = std::int64_t{24} * 3600 * 1'000'000'000;
  try {
    context.store().sweep_temporary(context.clock().now_ns() - kDay);
  } catch (const Error& error) {
    context.io().note("left unpublished files where they are: " + printable(error.message()));
  }
}

int run_fsck(const Arguments&, Context& context) {
  Io& io = context.io();
  const artifacts::Store& store = context.store();
  verify::FsckReport report;
  {
    ProgressBar bar(io, context.clock(), "checking", "bytes");
    report = verify::check_store(
        store, [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); });
  }
  sweep(context);
  print_findings(io, report.findings);
  const int status = verify::exit_status(report.findings);
  io.line((status == 0 ? io.paint(Paint::good, "sound") : io.paint(Paint::bad, "damaged")) + ": " +
          count_text(static_cast<std::int64_t>(report.num_objects)) + " objects (" +
          bytes_text(report.object_bytes) + "), " +
          count_text(static_cast<std::int64_t>(report.num_refs)) + " refs, " +
          count_text(static_cast<std::int64_t>(report.num_runs)) + " runs");
  io.emit("fsck", {{"sound", status == 0},
                   {"objects", report.num_objects},
                   {"bytes", report.object_bytes},
                   {"refs", report.num_refs},
                   {"runs", report.num_runs},
                   {"findings", count_findings(report.findings)}});
  return status;
}

}  // namespace

Command make_fsck_command() {
  return {.name = "fsck",
          .group = "Verify",
          .summary = "check every file of the store",
          .details = kDetails,
          .needs = Needs::store,
          .options = {},
          .run = run_fsck};
}

}  // namespace repro::cli
