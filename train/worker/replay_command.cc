#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"
#include "train/engine/run_source.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"

namespace repro::train {
namespace {

// What the published log says about each step.
struct LogIndex {
  std::map<std::int64_t, logs::StepEvent> steps;
  std::map<std::int64_t, std::string> chain;  // chain value after the last line of a step
};

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

void check_range(const manifests::RunSpec& spec, std::int64_t first, std::int64_t last) {
  const std::int64_t begin = spec.run.segments.front().first_step;
  if (first > begin && last >= first && last <= spec.run.step) return;
  throw Error(Code::invalid_argument, "steps " + std::to_string(first) + ".." +
                                          std::to_string(last) + " are not in the run, which has " +
                                          std::to_string(begin + 1) + ".." +
                                          std::to_string(spec.run.step));
}

}  // namespace

void run_replay(const manifests::RunSpec& spec) {
  check_range(spec, spec.first, spec.last);
  const artifacts::Store store = artifacts::Store::open(system_file_system(), spec.store);
  const LogIndex index = index_log(store, spec.run);
  Parallel parallel(thread_count(spec.running));
  RunCursor cursor(store, spec.run, spec.first - 1, make_machine(spec.running, parallel),
                   spec.running);
  const auto before = index.chain.find(cursor.step());
  logs::Chain chain(
      before != index.chain.end()
          ? before->second
          : logs::genesis(logs::kLogSchema, spec.run.segments.front().derivation.hex()));
  const auto emit_line = [&](std::int64_t step, const Json& event) {
    std::string line = chain.append(event);
    line.pop_back();
    emit({{"type", "line"}, {"step", step}, {"line", line}});
  };
  while (true) {
    for (const logs::SegmentEvent& event : cursor.begin_segments()) {
      emit_line(event.step, logs::encode_segment(event));
    }
    if (cursor.step() >= spec.last) break;
    if (stop_requested) throw Error(Code::cancelled, "interrupted");
    const auto logged = index.steps.find(cursor.step() + 1);
    const bool with_roots = logged == index.steps.end() || logged->second.state_root.has_value();
    emit_line(cursor.step() + 1, logs::encode_step(cursor.advance(with_roots)));
    if (cursor.trainer().evaluation_due()) {
      emit_line(cursor.step(), logs::encode_eval(cursor.trainer().evaluate()));
    }
  }
  emit({{"type", "done"}, {"run", spec.run.id}, {"step", cursor.step()}, {"status", "replayed"}});
}

void run_materialise(const manifests::RunSpec& spec) {
  const artifacts::Store store = artifacts::Store::open(system_file_system(), spec.store);
  const LogIndex index = index_log(store, spec.run);
  if (spec.last > spec.run.step) check_range(spec, spec.last, spec.last);
  Parallel parallel(thread_count(spec.running));
  RunCursor cursor(store, spec.run, spec.last, make_machine(spec.running, parallel), spec.running);
  while (cursor.step() < spec.last) {
    if (stop_requested) throw Error(Code::cancelled, "interrupted");
    cursor.begin_segments();
    const std::int64_t next = cursor.step() + 1;
    cursor.advance(false);
    emit({{"type", "progress"}, {"step", next}, {"last", spec.last}});
  }
  const bool first = spec.last == spec.run.segments.front().first_step;
  const manifests::Segment& segment =
      first ? spec.run.segments.front() : manifests::segment_of(spec.run, spec.last);
  artifacts::Store output = artifacts::Store::init(system_file_system(), spec.output);
  const SavedState saved = save_state(output, cursor.trainer().parameters(),
                                      cursor.trainer().cursor(), segment.derivation, parallel);
  const auto logged = index.steps.find(spec.last);
  if (logged != index.steps.end() && logged->second.state_root &&
      *logged->second.state_root != saved.roots.state) {
    throw Error(Code::nondeterminism,
                "step " + std::to_string(spec.last) + " re-derived has state root " +
                    saved.roots.state.short_hex() + ", the log has " +
                    logged->second.state_root->short_hex(),
                "run `repro verify RUN --replay` to find the first step that differs");
  }
  emit(state_event("state", {spec.last, saved.manifest, saved.roots.model, saved.roots.state}));
}

}  // namespace repro::train
