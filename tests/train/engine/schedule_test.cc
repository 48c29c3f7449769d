#include "train/optim/schedule.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace repro::train {
namespace {

manifests::Config olmo_config(double peak, std::int64_t batch_size) {
  manifests::Config config;
  config.optimizer.learning_rate = peak;
  config.schedule.name = "olmo_cosine";
  config.schedule.warmup_tokens = 8388608000;
  config.schedule.total_tokens = 5000000000000;
  config.train.batch_size = batch_size;
  config.data.sequence_length = 4096;
  return config;
}

// Learning rates of the released runs, computed in Python from their configurations
// (allenai/OLMo, configs/official-1124 and -0425; the 13B with the rate of its launch script).
TEST(Schedule, OlmoCosineHasTheRatesOfTheReleasedRuns) {
  struct Run {
    double peak;
    std::int64_t batch_size;
    std::vector<std::pair<std::int64_t, double>> rates;
  };
  const Run runs[] = {
      {4e-4,
       512,
       {{1, 1.0000000000000001e-07},
        {1000, 1e-4},
        {4000, 4e-4},
        {4001, 0.00039999999999984324},
        {100000, 0.0003985569483917236},
        {1000000, 0.00026561002609842583},
        {1907359, 7.448728958032132e-05}}},
      {3e-4,
       1024,
       {{1, 1.5e-07},
        {1000, 1.5e-4},
        {2000, 0.0002999999999999999},
        {2001, 0.0002999999999995296},
        {100000, 0.00029550768205865},
        {500000, 0.0001992075195738193},
        {928646, 6.135113558011711e-05}}},
      {9e-4,
       2048,
       {{1, 9e-07},
        {500, 4.5e-4},
        {1000, 9e-4},
        {1001, 0.0008999999999943555},
        {100000, 0.0008459266018126306},
        {300000, 0.0004918423478149713},
        {596046, 9.000000000113161e-05},
        {596047, 9e-05}}},
  };
  for (const Run& run : runs) {
    const manifests::Config config = olmo_config(run.peak, run.batch_size);
    for (const auto& [step, rate] : run.rates) {
      EXPECT_EQ(learning_rate(config, step), rate)
          << "batch " << run.batch_size << " step " << step;
    }
  }
  // Where the last bit of the cosine differs, the rate that an update uses does not.
  EXPECT_EQ(static_cast<float>(learning_rate(olmo_config(3e-4, 1024), 928000)),
            static_cast<float>(6.149879159416568e-05));
  EXPECT_EQ(static_cast<float>(learning_rate(olmo_config(9e-4, 2048), 476848)),
            static_cast<float>(0.00016758601824166583));
}

TEST(Schedule, MidTrainingFallsLinearlyToZero) {
  manifests::Config config;
  config.optimizer.learning_rate = 0.000061499;
  config.schedule.name = "linear";
  config.schedule.final_fraction = 0;
  config.schedule.start = 928646;
  config.train.steps = 11921;
  const auto rate = [&](std::int64_t step) { return learning_rate(config, 928646 + step); };
  EXPECT_EQ(rate(1), 6.149384112071135e-05);
  EXPECT_EQ(rate(5960), 3.075207943964433e-05);
  EXPECT_EQ(rate(11920), 5.158879288656108e-09);
  EXPECT_EQ(rate(11921), 0);
  EXPECT_EQ(rate(11931), 0);
  EXPECT_EQ(config.last_step(), 940567);
  // Steps before the schedule have its first rate.
  EXPECT_EQ(rate(-5), rate(1));
}

}  // namespace
}  // namespace repro::train
