// Threads for kernels. Work is cut into tasks whose results do not depend on who runs them or in
// which order, so the number of threads cannot change a bit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "train/kernels/trace.h"

namespace repro::train {

// A fixed set of worker threads. `run` may be called from one thread at a time; calls from inside a
// task run serially (no nesting). Every thread checks at its start and at each of its shares of a
// job that its floating-point environment is the default one (round to nearest, no flush-to-zero):
// Error(environment) otherwise, before a task of that thread has run.
class Parallel {
 public:
  // `num_threads` >= 1, the calling thread included.
  explicit Parallel(int num_threads);
  ~Parallel();
  Parallel(const Parallel&) = delete;
  Parallel& operator=(const Parallel&) = delete;

  int num_threads() const;

  // Where spans go; null: nowhere. Not during a job. The trace has at least `num_threads` lanes and
  // outlives its use.
  void set_trace(Trace* trace);
  Trace* trace() const;

  // Runs task(i) for every i in [0, count), dynamically dealt to the threads, and waits. If tasks
  // throw, the exception of the lowest i is rethrown.
  void run(std::int64_t count, const std::function<void(std::int64_t)>& task);

  // Cuts [0, count) into ranges of about `grain` and runs task(begin, end) on each.
  void run_ranges(std::int64_t count, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace repro::train
