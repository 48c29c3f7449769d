#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/base/clock.h"
#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "train/data/olmo_order.h"
#include "train/engine/checkpoints.h"
#include "train/engine/profile.h"
#include "train/engine/run_source.h"
#include "train/engine/run_writer.h"
#include "train/worker/commands.h"
#include "train/worker/events.h"

namespace repro::train {
namespace {

class TrainSession {
 public:
  TrainSession(const manifests::RunSpec& spec)
      : spec_(spec),
        store_(artifacts::Store::open(system_file_system(), spec.store)),
        parallel_(thread_count(spec.running)),
        cursor_(store_, spec.run, spec.run.states.empty() ? first_step() : spec.run.step, machine(),
                spec.running),
        writer_(store_, spec.run, spec.published) {
    cursor_.trainer().prepare_evaluations();
    if (!spec.profile) return;
    manifests::ProfileRequest request = *spec.profile;
    if (request.path.empty()) {
      request.path = join_path(store_.run_folder(writer_.run().id), "trace.json");
    }
    profile_.emplace(request, store_.files(), parallel_);
  }

  void run() {
    announce();
    begin_segments();
    train();
    const bool finished = cursor_.step() >= writer_.run().until;
    const auto status =
        finished ? manifests::RunStatus::finished : manifests::RunStatus::interrupted;
    if (saved_step_ != cursor_.step()) {
      checkpoint(status);
    } else {
      writer_.publish_status(status);
    }
    if (profile_) finish_profile();
    emit({{"type", "done"},
          {"run", writer_.run().id},
          {"step", cursor_.step()},
          {"status", manifests::run_status_name(status)},
          {"state", last_roots_.state.hex()},
          {"model", last_roots_.model.hex()}});
    if (stop_requested && !finished) {
      throw Error(Code::cancelled, "interrupted after step " + std::to_string(cursor_.step()),
                  "continue with `repro resume " + writer_.run().id.substr(0, 12) + "`");
    }
  }

 private:
  // A checkpoint that is being saved when a step fails is worth as much as one before it.
  void train() {
    try {
      while (cursor_.step() < spec_.until && !stop_requested) one_step();
    } catch (...) {
      try {
        checkpoints_.wait();
      } catch (const Error&) {
        // The step's error is the one to tell.
      }
      throw;
    }
    checkpoints_.wait();
  }

  std::int64_t first_step() const { return spec_.run.segments.front().first_step; }

  void announce() {
    const HostFacts facts = read_host_facts();
    Trainer& trainer = cursor_.trainer();
    const Json event = {{"type", "start"},
                        {"run", writer_.run().id},
                        {"step", cursor_.step()},
                        {"until", spec_.until},
                        {"threads", parallel_.num_threads()},
                        {"kernels", trainer.kernels()},
                        {"parameters", manifests::parameter_count(trainer.config().model)},
                        {"micro_batch", trainer.micro_batch()}};
    emit(event);
    Json note = event;
    note["time"] = utc_text(system_clock().now_ns());
    note["host"] = facts.host;
    note["system"] = facts.system;
    note["cpu"] = facts.cpu;
    note["cores"] = facts.cores;
    note["memory_bytes"] = facts.memory_bytes;
    checkpoints_.telemetry(note);
    if (!spec_.run.states.empty()) {
      saved_step_ = spec_.run.step;
      last_roots_ = {spec_.run.states.back().model_root, spec_.run.states.back().state_root};
    }
  }

  void begin_segments() {
    for (const logs::SegmentEvent& event : cursor_.begin_segments()) {
      if (!logged(event)) checkpoints_.log(logs::encode_segment(event));
    }
  }

  // Whether the published log ends with this segment's line: the run was stopped before the first
  // step of the segment, and the line must not come twice.
  bool logged(const logs::SegmentEvent& event) const {
    if (spec_.run.log.pieces.empty()) return false;
    std::string text = store_.get(spec_.run.log.pieces.back().digest);
    text.pop_back();  // the newline
    const std::string_view last = std::string_view(text).substr(text.rfind('\n') + 1);
    const Json line = parse_json(last, "last line of the log");
    return line.value("type", "") == "segment" &&
           line.value("step", std::int64_t{-1}) == event.step &&
           line.value("derivation", "") == event.derivation.hex();
  }

  // The training stands whether its profile could be written or not.
  void finish_profile() {
    try {
      emit(profile_event(profile_->finish(), *spec_.profile, profile_->path(),
                         parallel_.num_threads()));
    } catch (const Error& error) {
      emit({{"type", "note"}, {"message", std::string("no profile was written: ") + error.what()}});
    }
  }

  TraceSpan trace(const char* name, const TraceArgs& args = {}) {
    return TraceSpan(parallel_.trace(), name, args);
  }

  void one_step() {
    if (profile_) profile_->begin_step(cursor_.step() + 1);
    timed_step();
    if (profile_) profile_->end_step();
  }

  logs::StepEvent advance(std::int64_t next) {
    const TraceSpan span = trace("step", {.step = next});
    return cursor_.advance(digest_due(next));
  }

  void timed_step() {
    const std::int64_t begin = system_clock().monotonic_ns();
    const std::int64_t next = cursor_.step() + 1;
    const logs::StepEvent step = advance(next);
    {
      const TraceSpan span = trace("log");
      checkpoints_.log(logs::encode_step(step));
    }
    const double seconds = static_cast<double>(system_clock().monotonic_ns() - begin) * 1e-9;
    emit(step_event(step, seconds));
    checkpoints_.telemetry(
        {{"type", "step"},
         {"step", step.step},
         {"seconds", decimal_text(seconds)},
         {"tokens_per_second", decimal_text(static_cast<double>(step.tokens) / seconds)},
         {"time", utc_text(system_clock().now_ns())}});
    evaluate();
    const std::int64_t every = spec_.running.checkpoint_every;
    if (every > 0 && step.step % every == 0 && step.step < spec_.until) {
      checkpoint(manifests::RunStatus::running);
    }
  }

  // Without all lines of an evaluation its step cannot be published.
  void check_stop() {
    if (!stop_requested) return;
    throw Error(Code::cancelled,
                "interrupted in the evaluation after step " + std::to_string(cursor_.step()),
                "`repro resume` goes on from the last checkpoint");
  }

  void evaluate() {
    const TraceSpan span = trace("evaluation");
    Peaks peaks;
    for (const logs::EvaluationEvent& event :
         cursor_.trainer().evaluations(&peaks, [this] { check_stop(); })) {
      checkpoints_.log(logs::encode_evaluation(event));
      emit(evaluation_event(event));
    }
    if (!peaks.list().empty()) checkpoints_.telemetry(peaks_event(cursor_.step(), peaks));
  }

  // Not a function of --until: where a run happened to stop must not show in its log.
  bool digest_due(std::int64_t step) { return step % spec_.running.digest_every == 0; }

  void checkpoint(manifests::RunStatus status) {
    const TraceSpan span = trace("checkpoint");
    const manifests::Segment& segment = manifests::segment_at(writer_.run(), cursor_.step());
    checkpoints_.save(cursor_.trainer(), segment.derivation, status);
  }

  void published(const manifests::StoredState& state) {
    saved_step_ = state.step;
    last_roots_ = {state.model_root, state.state_root};
    emit(state_event("checkpoint", state));
  }

  Machine machine() {
    Machine machine = make_machine(spec_.running, parallel_);
    machine.orders = &orders_;
    machine.catalogue = &catalogue_;
    return machine;
  }

  const manifests::RunSpec& spec_;
  artifacts::Store store_;
  const OrderCache orders_{store_, &store_};
  artifacts::Catalogue catalogue_ = open_catalogue(spec_);
  Parallel parallel_;
  RunCursor cursor_;
  RunWriter writer_;  // after the cursor: a run that cannot begin is not published
  Checkpoints checkpoints_{store_, writer_, [this](const auto& state) { published(state); }};
  std::optional<Profile> profile_;
  std::int64_t saved_step_ = -1;
  Roots last_roots_;
};

}  // namespace

void run_train(const manifests::RunSpec& spec) { TrainSession(spec).run(); }

}  // namespace repro::train
