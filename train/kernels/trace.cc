#include "train/kernels/trace.h"

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

thread_local int trace_thread = 0;

}  // namespace

void set_trace_thread(int thread) { trace_thread = thread; }

Trace::Trace(int num_threads, std::int64_t capacity, Clock& clock)
    : clock_(clock), lanes_(static_cast<std::size_t>(num_threads)) {
  for (Lane& lane : lanes_) lane.events.resize(static_cast<std::size_t>(capacity));
}

std::span<const TraceEvent> Trace::events(int thread) const {
  const Lane& lane = lanes_.at(static_cast<std::size_t>(thread));
  return std::span(lane.events).first(static_cast<std::size_t>(lane.count));
}

std::int64_t Trace::num_dropped() const {
  std::int64_t dropped = 0;
  for (const Lane& lane : lanes_) dropped += lane.dropped;
  return dropped;
}

Trace::Lane& Trace::lane() {
  const auto index = static_cast<std::size_t>(trace_thread);
  REPRO_CHECK(index < lanes_.size());
  return lanes_[index];
}

void Trace::record(Lane& lane, const TraceEvent& event) {
  const auto index = static_cast<std::size_t>(lane.count);
  if (index == lane.events.size()) {
    ++lane.dropped;
    return;
  }
  lane.events[index] = event;
  ++lane.count;
}

void TraceSpan::begin(const char* name, const TraceArgs& args) {
  Trace::Lane& lane = trace_->lane();
  outer_ = lane.innermost;
  lane.innermost = this;
  event_.emplace();
  event_->name = name;
  event_->args = args;
  if (args.layer < 0 && outer_ != nullptr) event_->args.layer = outer_->event_->args.layer;
  event_->in_task = lane.in_task;
  event_->nested = lane.in_task && outer_ != nullptr;
  event_->begin_ns = trace_->clock_.monotonic_ns();
}

void TraceSpan::end() {
  event_->end_ns = trace_->clock_.monotonic_ns();
  const std::int64_t duration = event_->end_ns - event_->begin_ns;
  event_->self_ns = duration - inner_ns_;
  // What a job does inside belongs to the operation whose job it is.
  if (event_->nested) {
    outer_->event_->args.operations += event_->args.operations;
  } else if (outer_ != nullptr) {
    outer_->inner_ns_ += duration;
  }
  Trace::Lane& lane = trace_->lane();
  lane.innermost = outer_;
  trace_->record(lane, *event_);
}

TraceTasks::TraceTasks(Trace* trace, const TraceTaskName& job) : trace_(trace) {
  if (trace_ == nullptr) return;
  Trace::Lane& lane = trace_->lane();
  outermost_ = !lane.in_task;
  lane.in_task = true;
  if (trace_thread == 0) return;
  TraceArgs args;
  args.layer = job.layer;
  span_.emplace(trace_, job.name, args);
}

TraceTasks::~TraceTasks() {
  span_.reset();
  if (outermost_) trace_->lane().in_task = false;
}

TraceTaskName TraceTasks::name_of(Trace* trace) {
  if (trace == nullptr) return {};
  const TraceSpan* innermost = trace->lane().innermost;
  if (innermost == nullptr) return {};
  return {innermost->event_->name, innermost->event_->args.layer};
}

}  // namespace repro::train
