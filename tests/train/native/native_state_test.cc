// A state on a device and one in the engine's memory: the same code computes with both, so a copy
// on the CPU shows, bit for bit, what a GPU's copy does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "artifacts/base/error.h"
#include "tests/train/native/native_world.h"
#include "train/native/olmo2_native.h"

namespace repro::train {
namespace {

class NativeStateTest : public testing::TestWithParam<std::string> {
 protected:
  NativeStateTest() {
    config_.native.dtype = GetParam();
    parameters_.initialize(config_.model, 3, parallel_);
    other_.initialize(config_.model, 3, parallel_);
  }

  std::unique_ptr<Backend> make(Parameters& parameters, NativeState state) {
    auto backend = make_native_olmo2(config_, 1, parameters, state);
    backend->refresh();
    return backend;
  }

  manifests::Config config_ = small_config();
  Parallel parallel_{1};
  Parameters parameters_{config_.model};
  Parameters other_{config_.model};
};

TEST_P(NativeStateTest, ACopyGivesTheBitsOfTheEnginesMemory) {
  const auto shared = make(parameters_, NativeState::shared);
  const auto copied = make(other_, NativeState::copied);
  Trajectory one;
  Trajectory two;
  run_steps(config_, *shared, 1, 4, one);
  run_steps(config_, *copied, 1, 4, two);
  EXPECT_EQ(one.losses, two.losses);
  EXPECT_EQ(one.norms, two.norms);
  copied->fetch();
  EXPECT_EQ(all_values(parameters_), all_values(other_));
}

TEST_P(NativeStateTest, TheEnginesMemoryChangesByFetchOnly) {
  const std::vector<float> before = all_values(parameters_);
  const auto copied = make(parameters_, NativeState::copied);
  Trajectory run;
  run_steps(config_, *copied, 1, 1, run);
  EXPECT_EQ(all_values(parameters_), before);
  copied->fetch();
  const std::vector<float> after = all_values(parameters_);
  EXPECT_NE(after, before);
  const auto moments = after.begin() + static_cast<std::ptrdiff_t>(after.size() / 3);
  EXPECT_TRUE(std::all_of(moments, after.end(), [](float x) { return std::isfinite(x); }));
  EXPECT_FALSE(std::all_of(moments, after.end(), [](float x) { return x == 0; }));
}

// As a checkpoint that is loaded: what refresh() brings decides, moments too.
TEST_P(NativeStateTest, GoesOnFromWhatRefreshBrings) {
  Trajectory straight;
  run_steps(config_, *make(parameters_, NativeState::shared), 1, 4, straight);
  Trajectory stopped;
  {
    const auto first = make(other_, NativeState::copied);
    run_steps(config_, *first, 1, 2, stopped);
    first->fetch();
  }
  const auto second = make(other_, NativeState::copied);
  run_steps(config_, *second, 3, 4, stopped);
  second->fetch();
  EXPECT_EQ(straight.losses, stopped.losses);
  EXPECT_EQ(straight.norms, stopped.norms);
  EXPECT_EQ(all_values(parameters_), all_values(other_));
}

TEST_P(NativeStateTest, AStateOnAGpuIsACopy) {
  config_.run.device = "cuda";
  EXPECT_THROW(make_native_olmo2(config_, 1, parameters_, NativeState::shared), Error);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, NativeStateTest, testing::Values("fp32", "bf16"));

}  // namespace
}  // namespace repro::train
