#include "train/kernels/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cfenv>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "artifacts/base/error.h"

namespace repro::train {
namespace {

TEST(Parallel, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 3, 7}) {
    Parallel parallel(threads);
    EXPECT_EQ(parallel.num_threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 5, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      parallel.run(count, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
      for (const std::atomic<int>& n : runs) EXPECT_EQ(n.load(), 1);
    }
  }
}

TEST(Parallel, ManyShortJobsFollowEachOther) {
  for (const int threads : {2, 5}) {
    Parallel parallel(threads);
    std::int64_t expected = 0;
    std::atomic<std::int64_t> sum{0};
    for (std::int64_t job = 0; job < 3000; ++job) {
      const std::int64_t count = job % 6;
      parallel.run(count, [&](std::int64_t i) { sum += i * job; });
      expected += job * count * (count - 1) / 2;
      ASSERT_EQ(sum.load(), expected);
    }
  }
}

TEST(Parallel, RangesCoverTheCountWithoutOverlap) {
  Parallel parallel(3);
  for (const std::int64_t count : {0, 1, 9, 10, 11, 100}) {
    for (const std::int64_t grain : {0, 1, 3, 10, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      parallel.run_ranges(count, grain, [&](std::int64_t begin, std::int64_t end) {
        EXPECT_LT(begin, end);
        for (std::int64_t i = begin; i < end; ++i) ++runs[static_cast<std::size_t>(i)];
      });
      for (const std::atomic<int>& n : runs) EXPECT_EQ(n.load(), 1);
    }
  }
}

TEST(Parallel, NestedCallsRunInOrderOnTheirOwnThread) {
  Parallel parallel(3);
  std::vector<std::vector<std::int64_t>> seen(8);
  parallel.run(8, [&](std::int64_t i) {
    parallel.run(5, [&](std::int64_t j) { seen[static_cast<std::size_t>(i)].push_back(j); });
  });
  for (const auto& order : seen) EXPECT_EQ(order, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

TEST(Parallel, RethrowsTheFailureOfTheLowestTask) {
  for (const int threads : {1, 2, 7}) {
    Parallel parallel(threads);
    for (int round = 0; round < 50; ++round) {
      try {
        parallel.run(100, [](std::int64_t i) {
          if (i >= 20 && i % 3 == 0) throw std::runtime_error(std::to_string(i));
        });
        FAIL();
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "21");
      }
      // And the threads are fit for the next job.
      std::atomic<int> runs{0};
      parallel.run(10, [&](std::int64_t) { ++runs; });
      EXPECT_EQ(runs.load(), 10);
    }
  }
}

TEST(Parallel, RefusesSenselessThreadCounts) {
  EXPECT_THROW(Parallel(0), Error);
  EXPECT_THROW(Parallel(-1), Error);
  EXPECT_THROW(Parallel(5000), Error);
}

// Runs one job in which every thread has a task, so that none can miss it.
void run_on_every_thread(Parallel& parallel, const std::function<void(std::int64_t)>& task) {
  std::atomic<int> arrived{0};
  parallel.run(parallel.num_threads(), [&](std::int64_t i) {
    ++arrived;
    while (arrived.load() < parallel.num_threads()) std::this_thread::yield();
    task(i);
  });
}

TEST(Parallel, RefusesAThreadWhoseEnvironmentWasChangedBetweenJobs) {
  Parallel parallel(3);
  const std::thread::id caller = std::this_thread::get_id();
  run_on_every_thread(parallel, [&](std::int64_t) {
    if (std::this_thread::get_id() != caller) std::fesetround(FE_UPWARD);
  });
  std::string message;
  for (int job = 0; job < 1000 && message.empty(); ++job) {
    try {
      parallel.run(64, [](std::int64_t) { std::this_thread::yield(); });
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::environment);
      message = error.message();
    }
  }
  EXPECT_TRUE(message.find("of thread 1 ") != std::string::npos ||
              message.find("of thread 2 ") != std::string::npos)
      << message;
  EXPECT_NE(message.find("rounding mode"), std::string::npos);
}

TEST(Parallel, RefusesAJobOfTheCallerInAChangedEnvironment) {
  for (const int threads : {1, 2}) {
    Parallel parallel(threads);
    for (const std::int64_t count : {1, 10}) {
      std::fesetround(FE_DOWNWARD);
      int runs = 0;
      EXPECT_THROW(parallel.run(count, [&](std::int64_t) { ++runs; }), Error);
      std::fesetround(FE_TONEAREST);
      if (threads == 1) {
        EXPECT_EQ(runs, 0);
      }
    }
    EXPECT_NO_THROW(parallel.run(10, [](std::int64_t) {}));
  }
}

TEST(Parallel, RefusesAChangedRoundingMode) {
  std::fesetround(FE_TOWARDZERO);
  try {
    Parallel parallel(2);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
  }
  std::fesetround(FE_TONEAREST);
}

#if defined(__x86_64__) || defined(__aarch64__)
struct Flag {
  std::uint64_t bits;
  const char* name;
};
#if defined(__x86_64__)
constexpr Flag kFlags[] = {{0x8000, "flush-to-zero"}, {0x0040, "denormals-are-zero"}};
std::uint64_t control() { return __builtin_ia32_stmxcsr(); }
void set_control(std::uint64_t value) { __builtin_ia32_ldmxcsr(static_cast<unsigned>(value)); }
#else
constexpr Flag kFlags[] = {{std::uint64_t{1} << 24, "flush-to-zero"}};
std::uint64_t control() {
  std::uint64_t value = 0;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
void set_control(std::uint64_t value) { asm volatile("msr fpcr, %0" : : "r"(value)); }
#endif

TEST(Parallel, RefusesFlushToZeroAndDenormalsAreZeroAtItsStart) {
  const std::uint64_t before = control();
  for (const Flag& flag : kFlags) {
    set_control(before | flag.bits);
    EXPECT_THROW(Parallel(1), Error);
    EXPECT_THROW(Parallel(2), Error);
    set_control(before);
  }
  EXPECT_NO_THROW(Parallel(1));
}

TEST(Parallel, RefusesFlushToZeroThatALibrarySetInAWorkerThread) {
  for (const Flag& flag : kFlags) {
    Parallel parallel(2);
    const std::thread::id caller = std::this_thread::get_id();
    run_on_every_thread(parallel, [&](std::int64_t) {
      if (std::this_thread::get_id() != caller) set_control(control() | flag.bits);
    });
    std::string message;
    for (int job = 0; job < 1000 && message.empty(); ++job) {
      try {
        parallel.run(64, [](std::int64_t) { std::this_thread::yield(); });
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::environment);
        message = error.message();
      }
    }
    EXPECT_EQ(message, "the floating-point environment of thread 1 is not the default one: " +
                           std::string(flag.name));
  }
}
#endif

}  // namespace
}  // namespace repro::train
