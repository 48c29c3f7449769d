#include "train/kernels/trace.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "train/kernels/parallel.h"

namespace repro::train {
namespace {

// Every look at it takes ten nanoseconds.
class TickingClock final : public Clock {
 public:
  std::int64_t now_ns() override { return 0; }
  std::int64_t monotonic_ns() override { return now_ += 10; }

 private:
  std::atomic<std::int64_t> now_{0};
};

std::map<std::string, TraceEvent> by_name(const Trace& trace, int thread) {
  std::map<std::string, TraceEvent> events;
  for (const TraceEvent& event : trace.events(thread)) events[event.name] = event;
  return events;
}

TEST(Trace, ASpanWithoutATraceDoesNothing) { const TraceSpan span(nullptr, "step"); }

TEST(Trace, SelfTimeLeavesInnerSpansOut) {
  TickingClock clock;
  Trace trace(1, 8, clock);
  {
    const TraceSpan step(&trace, "step", {.step = 7});                   // begins at 10
    const TraceSpan norm(&trace, "norm");                                // 20
    { const TraceSpan gemm(&trace, "gemm", {.m = 2, .n = 3, .k = 4}); }  // 30 to 40
  }  // norm ends at 50, step at 60
  const auto events = by_name(trace, 0);
  EXPECT_EQ(events.at("gemm").self_ns, 10);
  EXPECT_EQ(events.at("gemm").args.k, 4);
  EXPECT_EQ(events.at("norm").self_ns, 20);
  EXPECT_EQ(events.at("step").self_ns, 20);
  EXPECT_EQ(events.at("step").args.step, 7);
}

TEST(Trace, InnerSpansKnowTheirLayer) {
  Trace trace(1, 8);
  {
    const TraceSpan layer(&trace, "forward", {.layer = 3});
    const TraceSpan gemm(&trace, "gemm");
  }
  EXPECT_EQ(by_name(trace, 0).at("gemm").args.layer, 3);
}

TEST(Trace, SpansBeyondTheCapacityAreCounted) {
  Trace trace(1, 2);
  for (int i = 0; i < 5; ++i) const TraceSpan span(&trace, "x");
  EXPECT_EQ(trace.events(0).size(), 2U);
  EXPECT_EQ(trace.num_dropped(), 3);
}

TEST(Trace, WorkerThreadsShowTheirShareOfAJobUnderItsName) {
  Trace trace(3, 1000);
  Parallel parallel(3);
  parallel.set_trace(&trace);
  {
    const TraceSpan span(parallel.trace(), "attention", {.layer = 2});
    std::atomic<int> arrived{0};
    parallel.run(3, [&](std::int64_t) {
      const TraceSpan inner(parallel.trace(), "gemm");
      ++arrived;
      while (arrived.load() < 3) std::this_thread::yield();
    });
  }
  parallel.set_trace(nullptr);
  for (int thread = 1; thread < 3; ++thread) {
    const auto events = by_name(trace, thread);
    ASSERT_EQ(events.size(), 2U) << thread;
    EXPECT_EQ(events.at("attention").args.layer, 2);
    EXPECT_TRUE(events.at("gemm").in_task);
    EXPECT_EQ(events.at("gemm").args.layer, 2);
  }
}

TEST(Trace, WhatACallerDoesInsideTasksBelongsToTheJobsOperation) {
  for (const int threads : {1, 2}) {
    TickingClock clock;
    Trace trace(threads, 1000, clock);
    Parallel parallel(threads);
    parallel.set_trace(&trace);
    {
      const TraceSpan span(parallel.trace(), "attention");
      parallel.run(50, [&](std::int64_t) { const TraceSpan inner(parallel.trace(), "gemm"); });
    }
    parallel.set_trace(nullptr);
    const TraceEvent whole = by_name(trace, 0).at("attention");
    EXPECT_EQ(whole.self_ns, whole.end_ns - whole.begin_ns);
    EXPECT_FALSE(whole.in_task);
    for (const TraceEvent& event : trace.events(0)) {
      EXPECT_EQ(event.in_task, std::string(event.name) == "gemm");
    }
  }
}

}  // namespace
}  // namespace repro::train
