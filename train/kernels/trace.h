// Where a step's time goes: spans of operations on every thread, kept in memory that is reserved
// beforehand (docs/profiling.md). Telemetry: nothing is computed from it.
//
//   const TraceSpan span(parallel.trace(), "quantise");
//
// Without a trace a span is a test of one pointer. With one it reads the clock twice and allocates
// nothing; spans beyond the capacity are dropped and counted. Thread rules: every thread writes its
// own lane; read a trace only while nothing is being recorded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "artifacts/base/clock.h"

namespace repro::train {

// What a span worked on; what does not apply is left out.
struct TraceArgs {
  std::int64_t step = -1;
  std::int64_t layer = -1;  // inner spans take it from their outer one
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t operations = 0;  // useful arithmetic: 2 m n k, less what a causal product leaves out
};

struct TraceEvent {
  const char* name = "";  // text that lives as long as the program
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t self_ns = 0;  // without inner spans that are not nested
  bool in_task = false;      // part of a job that threads share
  bool nested = false;       // in a task, and its time and operations are another span's as well
  TraceArgs args;
};

class TraceSpan;

// The events of some steps. One lane a thread; lane 0 is the thread that calls Parallel.
class Trace {
 public:
  // `capacity`: spans kept of each thread.
  Trace(int num_threads, std::int64_t capacity, Clock& clock = system_clock());

  int num_threads() const { return static_cast<int>(lanes_.size()); }
  // In the order in which they ended.
  std::span<const TraceEvent> events(int thread) const;
  std::int64_t num_dropped() const;

 private:
  friend class TraceSpan;
  friend class TraceTasks;

  struct alignas(64) Lane {
    std::vector<TraceEvent> events;
    std::int64_t count = 0;
    std::int64_t dropped = 0;
    TraceSpan* innermost = nullptr;
    bool in_task = false;
  };

  Lane& lane();
  void record(Lane& lane, const TraceEvent& event);

  Clock& clock_;
  std::vector<Lane> lanes_;
};

// Which lane the calling thread writes; 0 until said otherwise. Parallel says it to its threads.
void set_trace_thread(int thread);

// Lasts from construction to destruction. `name` as in TraceEvent; `trace` may be null.
class TraceSpan {
 public:
  TraceSpan(Trace* trace, const char* name, const TraceArgs& args = {}) : trace_(trace) {
    if (trace_ != nullptr) begin(name, args);
  }
  ~TraceSpan() {
    if (trace_ != nullptr) end();
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  friend class TraceTasks;

  void begin(const char* name, const TraceArgs& args);
  void end();

  Trace* trace_;
  TraceSpan* outer_ = nullptr;
  std::int64_t inner_ns_ = 0;
  std::optional<TraceEvent> event_;
};

// What the caller of a job was doing: copied before the job is dealt, read by every thread.
struct TraceTaskName {
  const char* name = "task";
  std::int64_t layer = -1;
};

// A thread's share of one job: a span on the lanes of worker threads, a mark on the caller's.
class TraceTasks {
 public:
  TraceTasks(Trace* trace, const TraceTaskName& job);
  ~TraceTasks();
  TraceTasks(const TraceTasks&) = delete;
  TraceTasks& operator=(const TraceTasks&) = delete;

  // Of the calling thread's innermost span.
  static TraceTaskName name_of(Trace* trace);

 private:
  Trace* trace_;
  bool outermost_ = false;
  std::optional<TraceSpan> span_;
};

}  // namespace repro::train
