#include "train/data/repetition.h"

#include <gtest/gtest.h>

#include <vector>

namespace repro::train {
namespace {

using Ids = std::vector<std::uint32_t>;

// `begin`, `period` so many times, `end`.
Ids repeated(Ids begin, const Ids& period, int times, const Ids& end) {
  for (int i = 0; i < times; ++i) begin.insert(begin.end(), period.begin(), period.end());
  begin.insert(begin.end(), end.begin(), end.end());
  return begin;
}

// The greatest count at which the ids are still found.
std::int64_t repeats(const Ids& ids) {
  std::int64_t count = 1;
  while (is_repetitive(ids, {.max_period = 13, .max_count = count + 1})) ++count;
  return count;
}

TEST(Repetition, CountsWholeRepeatsOfAnyPeriod) {
  EXPECT_EQ(repeats({9, 1, 2, 1, 2, 1, 2, 1, 8, 8}), 3);
  EXPECT_EQ(repeats(repeated({}, {1, 2, 3}, 4, {})), 4);
  EXPECT_EQ(repeats({1, 1, 1, 1, 1}), 5);
  EXPECT_EQ(repeats(Ids(32, 5)), 32);
  EXPECT_EQ(repeats({1, 2, 3, 4, 5, 6}), 1);
  EXPECT_FALSE(is_repetitive({}));
}

TEST(Repetition, ThirtyTwoRepeatsAreTooMany) {
  const Ids sevens(3, 7);
  EXPECT_TRUE(is_repetitive(repeated(sevens, {1, 2, 3, 4}, 32, Ids(5, 7))));
  Ids end = {1, 2, 3};
  end.insert(end.end(), 5, 7);
  EXPECT_FALSE(is_repetitive(repeated(sevens, {1, 2, 3, 4}, 31, end)));
  EXPECT_TRUE(is_repetitive(Ids(32, 5)));
  EXPECT_FALSE(is_repetitive(Ids(31, 5)));
}

TEST(Repetition, PeriodsBelowTheLeastDoNotCount) {
  EXPECT_FALSE(is_repetitive(Ids{1, 1, 1, 1, 2, 3}, {.min_period = 2, .max_count = 3}));
  EXPECT_TRUE(is_repetitive(Ids(6, 1), {.min_period = 2, .max_count = 3}));  // also of period 2
  EXPECT_FALSE(is_repetitive(Ids(40, 1), {.max_period = 0}));
  manifests::DataConfig data;
  EXPECT_FALSE(is_repetitive(Ids(40, 1), RepetitionLimits::of(data)));
  data.repetition_max_period = 2;
  data.repetition_max_count = 40;
  EXPECT_TRUE(is_repetitive(Ids(40, 1), RepetitionLimits::of(data)));
  EXPECT_FALSE(is_repetitive(Ids(39, 1), RepetitionLimits::of(data)));
}

TEST(Repetition, PeriodsAboveThirteenAndAThirdOfTheIdsDoNotCount) {
  Ids period;
  for (std::uint32_t id = 0; id < 14; ++id) period.push_back(id);
  EXPECT_FALSE(is_repetitive(repeated({}, period, 40, {})));
  period.pop_back();
  EXPECT_TRUE(is_repetitive(repeated({}, period, 40, {})));
  EXPECT_FALSE(is_repetitive(Ids{1, 2, 1, 2}, {.max_period = 13, .max_count = 2}));
  EXPECT_TRUE(is_repetitive(Ids{1, 2, 1, 2, 3, 4}, {.max_period = 13, .max_count = 2}));
}

}  // namespace
}  // namespace repro::train
