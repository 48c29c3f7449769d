#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/version.h"
#include "manifests/run.h"

namespace repro::cli {
namespace {

int run_version(const Arguments&, Context& context) {
  const Version version = build_version();
  Io& io = context.io();
  io.line("repro " + version.version);
  io.line("commit    " + (version.commit.empty() ? "unknown" : version.commit));
  io.line("build     " + version.build_id);
  io.line("compiler  " + version.compiler);
  std::string operators;
  for (const auto& [name, text] : manifests::operator_versions()) {
    operators += fmt::format(" {}/{}", name, text);
  }
  io.line("operators" + operators);
  io.emit("version", {{"version", version.version},
                      {"commit", version.commit},
                      {"build_id", version.build_id},
                      {"compiler", version.compiler},
                      {"operators", Json(manifests::operator_versions())}});
  return 0;
}

}  // namespace

Command make_version_command() {
  return {.name = "version",
          .group = "Help",
          .summary = "version, commit, build id and operator versions",
          .details = "",
          .needs = Needs::nothing,
          .options = {},
          .run = run_version};
}

}  // namespace repro::cli
