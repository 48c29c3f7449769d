#include "train/kernels/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "artifacts/base/error.h"
#include "train/kernels/float_environment.h"

namespace repro::train {
namespace {

// Below every task: a thread that may not compute at all comes first.
constexpr std::int64_t kBeforeTasks = -1;

// True while this thread runs a task of some Parallel: nested calls then stay on this thread.
thread_local bool inside_task = false;

class InsideTask {
 public:
  InsideTask() { inside_task = true; }
  ~InsideTask() { inside_task = false; }
  InsideTask(const InsideTask&) = delete;
  InsideTask& operator=(const InsideTask&) = delete;
};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// About 20 microseconds: longer than the gap between two products, shorter than a time slice.
constexpr int kSpins = 1000;

}  // namespace

// A job is open while its tasks are dealt. A worker counts itself in `active` before it looks at
// `open`, and the caller closes the job before it waits for `active` to be zero; so no worker can
// touch a job that the caller has left, and nobody waits for workers that are still asleep.
struct Parallel::State {
  int num_threads = 1;
  int spins = 0;
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable idle;
  std::atomic<std::uint64_t> generation{0};
  std::atomic<bool> stop{false};
  std::atomic<bool> open{false};
  std::atomic<int> active{0};
  int sleepers = 0;  // guarded by mutex

  const std::function<void(std::int64_t)>* task = nullptr;
  std::int64_t count = 0;
  std::atomic<std::int64_t> next{0};
  Trace* trace = nullptr;
  TraceTaskName traced_job;

  std::mutex error_mutex;
  std::int64_t error_index = 0;
  std::exception_ptr error;

  std::vector<std::thread> threads;
  std::atomic<int> checked{0};  // threads whose floating-point environment has been looked at

  void start_threads();
  void stop_threads();
  void worker(int number, std::uint64_t seen);
  void work(int number);
  void wait_for_generation(std::uint64_t seen);
  void wait_until_idle();
  void keep_error(std::int64_t index);
};

void Parallel::State::keep_error(std::int64_t index) {
  const std::lock_guard<std::mutex> lock(error_mutex);
  if (!error || index < error_index) {
    error = std::current_exception();
    error_index = index;
  }
  // Tasks are dealt in ascending order, so every lower index has been dealt: stopping here cannot
  // hide a lower failure.
  next.store(count, std::memory_order_relaxed);
}

void Parallel::State::work(int number) {
  const InsideTask inside;
  const TraceTasks traced(trace, traced_job);
  try {
    if (!float_environment_is_default()) check_float_environment(number);
  } catch (...) {
    keep_error(kBeforeTasks);
    return;
  }
  for (;;) {
    const std::int64_t index = next.fetch_add(1, std::memory_order_relaxed);
    if (index >= count) return;
    try {
      (*task)(index);
    } catch (...) {
      keep_error(index);
    }
  }
}

void Parallel::State::wait_for_generation(std::uint64_t seen) {
  for (int i = 0; i < spins; ++i) {
    if (generation.load(std::memory_order_acquire) != seen) return;
    relax();
  }
  std::unique_lock<std::mutex> lock(mutex);
  ++sleepers;
  wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
  --sleepers;
}

void Parallel::State::wait_until_idle() {
  for (int i = 0; i < spins; ++i) {
    if (active.load() == 0) return;
    relax();
  }
  std::unique_lock<std::mutex> lock(mutex);
  idle.wait(lock, [&] { return active.load() == 0; });
}

void Parallel::State::worker(int number, std::uint64_t seen) {
  for (;;) {
    wait_for_generation(seen);
    seen = generation.load(std::memory_order_acquire);
    if (stop.load()) return;
    active.fetch_add(1);
    if (open.load()) work(number);
    if (active.fetch_sub(1) == 1) {
      // The lock orders this with a caller that is about to sleep.
      const std::lock_guard<std::mutex> lock(mutex);
      idle.notify_one();
    }
  }
}

void Parallel::State::start_threads() {
  for (int i = 1; i < num_threads; ++i) {
    threads.emplace_back([this, i] {
      set_trace_thread(i);
      try {
        check_float_environment(i);
      } catch (...) {
        keep_error(kBeforeTasks);
      }
      checked.fetch_add(1);
      checked.notify_one();
      worker(i, 0);
    });
  }
  for (int seen = checked.load(); seen < num_threads - 1; seen = checked.load()) {
    checked.wait(seen);
  }
}

void Parallel::State::stop_threads() {
  stop.store(true);
  {
    const std::lock_guard<std::mutex> lock(mutex);
    generation.fetch_add(1);
  }
  wake.notify_all();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

Parallel::Parallel(int num_threads) : state_(std::make_unique<State>()) {
  if (num_threads < 1 || num_threads > 4096) {
    throw Error(Code::invalid_argument,
                "a thread count must be between 1 and 4096, not " + std::to_string(num_threads));
  }
  check_float_environment(0);
  state_->num_threads = num_threads;
  // Spinning only pays where every thread has a core of its own.
  const unsigned cores = std::thread::hardware_concurrency();
  if (static_cast<unsigned>(num_threads) <= cores) state_->spins = kSpins;
  try {
    state_->start_threads();
  } catch (const std::system_error& error) {
    state_->stop_threads();
    throw Error(Code::environment,
                "cannot start " + std::to_string(num_threads) + " threads: " + error.what(),
                "ask for fewer threads");
  }
  if (state_->error) {
    state_->stop_threads();
    std::rethrow_exception(state_->error);
  }
}

Parallel::~Parallel() { state_->stop_threads(); }

int Parallel::num_threads() const { return state_->num_threads; }

void Parallel::set_trace(Trace* trace) { state_->trace = trace; }
Trace* Parallel::trace() const { return state_->trace; }

void Parallel::run(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  State& state = *state_;
  if (inside_task) {
    for (std::int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  // A lone task stays outside `inside_task`: its own products may still use the threads.
  if (state.num_threads == 1 || count <= 1) {
    if (!float_environment_is_default()) check_float_environment(0);
    const TraceTasks traced(count > 1 ? state.trace : nullptr, {});
    for (std::int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  state.traced_job = TraceTasks::name_of(state.trace);
  state.task = &task;
  state.count = count;
  state.error = nullptr;
  state.next.store(0);
  state.open.store(true);
  bool sleeping = false;
  {
    const std::lock_guard<std::mutex> lock(state.mutex);
    state.generation.fetch_add(1, std::memory_order_release);
    sleeping = state.sleepers > 0;
  }
  if (sleeping) state.wake.notify_all();
  state.work(0);
  state.open.store(false);
  state.wait_until_idle();
  if (state.error) std::rethrow_exception(std::exchange(state.error, nullptr));
}

void Parallel::run_ranges(std::int64_t count, std::int64_t grain,
                          const std::function<void(std::int64_t, std::int64_t)>& task) {
  if (count <= 0) return;
  const std::int64_t step = std::max<std::int64_t>(grain, 1);
  const std::int64_t ranges = (count - 1) / step + 1;
  const auto run_one = [&task, count, step](std::int64_t i) {
    const std::int64_t begin = i * step;
    task(begin, std::min(count - begin, step) + begin);
  };
  run(ranges, std::ref(run_one));  // a reference: std::function then allocates nothing
}

}  // namespace repro::train
