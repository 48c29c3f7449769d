#include "train/worker/rederive.h"

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"

namespace repro::train {

LogIndex index_log(const artifacts::Store& store, const manifests::Run& run) {
  const std::string text = read_log(store, run);
  const std::string genesis =
      logs::genesis(logs::kLogSchema, run.segments.front().derivation.hex());
  const std::string what = "log of run " + run.id.substr(0, 12);
  LogIndex index;
  for (const Json& event : logs::check_lines(text, genesis, what, false).events) {
    const std::int64_t step = json_int(event, "step", what);
    const std::string type = json_string(event, "type", what);
    if (type == "step") index.steps[step] = logs::parse_step(event, what);
    // A segment's own line is made again when its step is the start.
    if (type != "segment") index.chain[step] = json_string(event, "chain", what);
  }
  return index;
}

void check_range(const manifests::Run& run, std::int64_t first, std::int64_t last) {
  const std::int64_t begin = run.segments.front().first_step;
  if (first > begin && last >= first && last <= run.step) return;
  throw Error(Code::invalid_argument, "steps " + std::to_string(first) + ".." +
                                          std::to_string(last) + " are not in the run, which has " +
                                          std::to_string(begin + 1) + ".." +
                                          std::to_string(run.step));
}

void walk_to(RunCursor& cursor, std::int64_t step) {
  while (cursor.step() < step) {
    check_stop();
    cursor.begin_segments();
    const std::int64_t next = cursor.step() + 1;
    cursor.advance(false);
    emit({{"type", "progress"}, {"step", next}, {"last", step}});
  }
}

void check_root(const LogIndex& log, std::int64_t step, const Digest& state_root) {
  const auto logged = log.steps.find(step);
  if (logged == log.steps.end() || !logged->second.state_root) return;
  if (*logged->second.state_root == state_root) return;
  throw Error(Code::nondeterminism,
              "step " + std::to_string(step) + " re-derived has state root " +
                  state_root.short_hex() + ", the log has " +
                  logged->second.state_root->short_hex(),
              "run `repro verify RUN --replay` to find the first step that differs");
}

}  // namespace repro::train
