#include "cli/logged_root.h"

#include <nlohmann/json.hpp>
#include <string>

#include "cli/resolve.h"
#include "verify/run_logs.h"

namespace repro::cli {

LoggedRoots find_logged_roots(const artifacts::Store& store, const manifests::Run& run,
                              std::int64_t step) {
  const std::string log = verify::read_log(store, run.log);
  const std::string what = "log of run " + run_label(run);
  const std::string genesis = verify::log_genesis(run, verify::LogKind::log);
  LoggedRoots roots;
  for (const Json& event : logs::check_lines(log, genesis, what, false).events) {
    if (json_int(event, "step", what) != step) continue;
    const std::string type = json_string(event, "type", what);
    if (type == "segment") {
      const logs::SegmentEvent segment = logs::parse_segment(event, what);
      roots = {segment.state_root, segment.model_root};
    } else if (type == "step") {
      const logs::StepEvent update = logs::parse_step(event, what);
      if (update.state_root) roots = {update.state_root, update.model_root};
    }
  }
  return roots;
}

}  // namespace repro::cli
