// Learning rates of the released OLMo 2 runs: golden values computed by Python from the trainers'
// formulas.
#include "verify/olmo_schedule.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace repro::verify {
namespace {

using Rates = std::vector<std::pair<std::int64_t, double>>;

void expect_rates(const OlmoSchedule& schedule, const Rates& rates) {
  for (const auto& [step, rate] : rates) {
    EXPECT_EQ(olmo_learning_rate(schedule, step), rate) << "step " << step;  // to the bit
  }
}

OlmoSchedule cosine(double peak, std::int64_t batch) {
  return {OlmoShape::cosine, peak, 8388608000, 5e12, 0.1, 0, static_cast<double>(batch * 4096)};
}

OlmoSchedule linear(double peak, double steps) {
  return {OlmoShape::linear, peak, 0, steps, 0, peak * 0.1, 1};
}

TEST(OlmoSchedule, FirstStages) {
  expect_rates(cosine(4e-4, 512), {{1, 1.0000000000000001e-07},
                                   {1000, 1e-4},
                                   {4000, 4e-4},
                                   {4001, 0.00039999999999984324},
                                   {100000, 0.0003985569483917236},
                                   {1000000, 0.00026561002609842583},
                                   {1907359, 7.448728958032132e-05}});
  expect_rates(cosine(3e-4, 1024), {{1, 1.5e-07},
                                    {1000, 1.5e-4},
                                    {2000, 0.0002999999999999999},
                                    {2001, 0.0002999999999995296},
                                    {100000, 0.00029550768205865},
                                    {500000, 0.0001992075195738193},
                                    {928000, 6.149879159416568e-05},
                                    {928646, 6.135113558011711e-05}});
  expect_rates(cosine(9e-4, 2048), {{1, 9e-07},
                                    {500, 4.5e-4},
                                    {1000, 9e-4},
                                    {1001, 0.0008999999999943555},
                                    {100000, 0.0008459266018126306},
                                    {300000, 0.0004918423478149713},
                                    {476848, 0.00016758601824166583},
                                    {596046, 9.000000000113161e-05},
                                    {596047, 9e-05},
                                    {600000, 9e-05}});
  expect_rates({OlmoShape::cosine, 6e-4, 2000, 774861, 0.1, 0, 1},
               {{2000, 0.0005999999999999998},
                {400000, 0.0003173069282565469},
                {721901, 6.623230631358661e-05}});
}

TEST(OlmoSchedule, SecondStages) {
  expect_rates(linear(0.000061499, 11921), {{1, 6.149384112071135e-05},
                                            {5960, 3.075207943964433e-05},
                                            {11920, 5.158879288656108e-09},
                                            {11921, 0},
                                            {11931, 0}});
  expect_rates(linear(9e-5, 11921), {{1, 8.999245029779382e-05},
                                     {5960, 4.5003774851103096e-05},
                                     {11920, 7.549702206186893e-09},
                                     {11921, 0}});
  expect_rates(linear(9e-5, 35763),
               {{17881, 4.500125828370104e-05}, {35762, 2.5165674020713328e-09}, {35763, 0}});
}

TEST(OlmoSchedule, WarmsUpFromWhereItSays) {
  const OlmoSchedule schedule{OlmoShape::linear, 1, 4, 8, 0, 0.5, 1};
  expect_rates(schedule, {{1, 0.625}, {3, 0.875}, {4, 1}, {6, 0.5}, {8, 0}});
}

TEST(OlmoSchedule, KnowsFromWhereOnNothingMoves) {
  EXPECT_EQ(last_moving_step(linear(9e-5, 11921)), 11920);
  EXPECT_EQ(last_moving_step(cosine(4e-4, 512)), -1);
  EXPECT_EQ(last_moving_step({OlmoShape::linear, 1, 0, 100, 0, 0, 64}), 1);
}

}  // namespace
}  // namespace repro::verify
