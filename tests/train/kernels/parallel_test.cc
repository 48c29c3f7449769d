#include "train/kernels/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cfenv>
#include <stdexcept>
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

#if defined(__x86_64__)
TEST(Parallel, RefusesFlushToZeroAndDenormalsAreZero) {
  const unsigned before = __builtin_ia32_stmxcsr();
  for (const unsigned flag : {0x8000U, 0x0040U}) {
    __builtin_ia32_ldmxcsr(before | flag);
    EXPECT_THROW(Parallel(1), Error);
    __builtin_ia32_ldmxcsr(before);
  }
  EXPECT_NO_THROW(Parallel(1));
}
#endif

}  // namespace
}  // namespace repro::train
