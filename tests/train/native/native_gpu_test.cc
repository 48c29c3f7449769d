// The native profile on a GPU; skipped, saying why, where there is none that LibTorch can use. A
// process of its own: LibTorch's CUDA part must come before the first backward pass.
#include <gtest/gtest.h>

#include "artifacts/base/error.h"
#include "tests/train/native/native_world.h"

namespace repro::train {
namespace {

class NativeGpuTest : public testing::Test {
 protected:
  NativeGpuTest() { gpu_.run.device = "cuda"; }

  void SetUp() override {
    try {
      held_ = held_constant("native", gpu_.run, 1);
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  void expect_twice_the_same(const std::string& dtype) {
    const Trajectory first = train(gpu_, "native", 5, dtype);
    const Trajectory second = train(gpu_, "native", 5, dtype);
    EXPECT_TRUE(first == second);
  }

  manifests::Config gpu_ = small_config();
  HeldConstant held_;
};

TEST_F(NativeGpuTest, NamesDeviceDriverAndLibraries) {
  for (const char* name : {"device", "driver", "cublas", "cublaslt", "cuda_runtime", "libtorch"}) {
    EXPECT_TRUE(held_.count(name) == 1 && held_.at(name) != "unknown") << name;
  }
}

TEST_F(NativeGpuTest, AgreesWithExactToFloatAccuracy) {
  expect_float_accuracy(train(small_config(), "exact", 20), train(gpu_, "native", 20));
}

TEST_F(NativeGpuTest, Bf16AgreesWithExactToBfloat16Accuracy) {
  expect_bf16_accuracy(train(small_config(), "exact", 20), train(gpu_, "native", 20, "bf16"));
}

TEST_F(NativeGpuTest, TwiceGivesTheSameBits) { expect_twice_the_same("fp32"); }

TEST_F(NativeGpuTest, Bf16TwiceGivesTheSameBits) { expect_twice_the_same("bf16"); }

TEST_F(NativeGpuTest, RecomputingChangesNoBit) {
  for (const char* dtype : {"fp32", "bf16"}) {
    const Trajectory kept = train(gpu_, "native", 5, dtype);
    manifests::Config recomputing = gpu_;
    recomputing.run.recompute = true;
    const Trajectory again = train(recomputing, "native", 5, dtype);
    EXPECT_TRUE(kept == again) << dtype;
  }
}

}  // namespace
}  // namespace repro::train
