#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"
#include "train/engine/run_source.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"
#include "train/worker/rederive.h"

namespace repro::train {

void run_replay(const manifests::RunSpec& spec) {
  check_range(spec.run, spec.first, spec.last);
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
    check_stop();
    const auto logged = index.steps.find(cursor.step() + 1);
    const bool with_roots = logged == index.steps.end() || logged->second.state_root.has_value();
    emit_line(cursor.step() + 1, logs::encode_step(cursor.advance(with_roots)));
    for (const logs::EvaluationEvent& event : cursor.trainer().evaluations(nullptr, check_stop)) {
      emit_line(cursor.step(), logs::encode_evaluation(event));
    }
  }
  emit({{"type", "done"}, {"run", spec.run.id}, {"step", cursor.step()}, {"status", "replayed"}});
}

void run_materialise(const manifests::RunSpec& spec) {
  const artifacts::Store store = artifacts::Store::open(system_file_system(), spec.store);
  const LogIndex index = index_log(store, spec.run);
  if (spec.last > spec.run.step) check_range(spec.run, spec.last, spec.last);
  Parallel parallel(thread_count(spec.running));
  RunCursor cursor(store, spec.run, spec.last, make_machine(spec.running, parallel), spec.running);
  walk_to(cursor, spec.last);
  const bool first = spec.last == spec.run.segments.front().first_step;
  const manifests::Segment& segment =
      first ? spec.run.segments.front() : manifests::segment_of(spec.run, spec.last);
  artifacts::Store output = artifacts::Store::init(system_file_system(), spec.output);
  const SavedState saved = save_state(output, cursor.trainer().parameters(),
                                      cursor.trainer().cursor(), segment.derivation, parallel);
  check_root(index, spec.last, saved.roots.state);
  emit(state_event("state", {spec.last, saved.manifest, saved.roots.model, saved.roots.state}));
}

}  // namespace repro::train
