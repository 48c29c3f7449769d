// What must stop a step does, at the same place and in the same words whatever computes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/conformance/smoke_run.h"
#include "tests/support/temporary_folder.h"
#include "train/engine/trainer.h"
#include "train/kernels/paths.h"

namespace repro::train {
namespace {

class BadInput : public testing::Test {
 protected:
  BadInput()
      : store_(artifacts::Store::init(system_file_system(), folder_.path() + "/.repro")),
        inputs_(smoke_inputs("olmo2-tiny", store_)) {
    inputs_.config.data.sequence_length = 32;
    inputs_.config.train.batch_size = 4;
  }

  // The error that stops a training of `steps` steps, if one does.
  std::optional<Error> train(int threads, const std::string& kernels, int steps) {
    Parallel parallel(threads);
    Trainer trainer(inputs_.config, store_, inputs_.dataset, {&parallel, kernels, 2});
    trainer.initialize();
    try {
      for (int i = 0; i < steps; ++i) trainer.step(false);
    } catch (const Error& error) {
      return error;
    }
    return std::nullopt;
  }

  void expect_same_error_everywhere(const Error& expected, int steps) {
    for (const KernelPath& path : available_paths()) {
      for (const int threads : {1, 2, 5}) {
        const auto error = train(threads, std::string(path.name), steps);
        ASSERT_TRUE(error) << path.name;
        EXPECT_EQ(error->code(), expected.code());
        EXPECT_STREQ(error->what(), expected.what()) << path.name << ", " << threads;
      }
    }
  }

  const support::TemporaryFolder folder_;
  artifacts::Store store_;
  SmokeInputs inputs_;
};

TEST_F(BadInput, NonFiniteValuesNameOperationTensorFirstIndexAndStepEverywhereAlike) {
  inputs_.config.schedule.warmup_steps = 0;
  inputs_.config.optimizer.learning_rate = 1000;
  inputs_.config.optimizer.weight_decay = 1000;
  const auto error = train(1, "scalar", 20);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::invalid_argument);
  EXPECT_THAT(error->message(),
              testing::MatchesRegex("non-finite value in .+: .+ at index [0-9]+, step [0-9]+"));
  EXPECT_NE(error->hint().find("nothing of this step was published"), std::string::npos);
  expect_same_error_everywhere(*error, 20);
}

TEST_F(BadInput, AGradientThatJustDoesNotFitItsFixedPointTrapsEverywhereAlike) {
  inputs_.config.loss.z_loss = 1000;  // makes the gradients of the head some thousand times larger
  std::optional<Error> trap;
  std::int64_t unit = 8;
  for (; unit <= 48 && !trap; ++unit) {
    inputs_.config.train.gradient_unit = unit;
    trap = train(1, "scalar", 1);
  }
  ASSERT_TRUE(trap);
  inputs_.config.train.gradient_unit = --unit;
  ASSERT_GT(unit, 8) << "at no unit do all gradients fit";
  EXPECT_EQ(trap->code(), Code::invalid_argument);
  EXPECT_THAT(trap->what(), testing::HasSubstr("step 1"));
  EXPECT_THAT(trap->what(), testing::HasSubstr("gradient of "));
  expect_same_error_everywhere(*trap, 1);
  // One bit less, and everything fits: on every path.
  inputs_.config.train.gradient_unit = unit - 1;
  for (const KernelPath& path : available_paths()) {
    EXPECT_FALSE(train(2, std::string(path.name), 1)) << path.name;
  }
}

TEST_F(BadInput, KernelsThatThisCpuLacksAreRefusedAndTheOthersListed) {
  std::vector<std::string> lacking = {"avx2", "avx512", "amx", "neon"};
  for (const KernelPath& path : available_paths()) std::erase(lacking, path.name);
  ASSERT_FALSE(lacking.empty()) << "no CPU has both NEON and AVX2";
  for (const std::string& kernels : lacking) {
    try {
      train(1, kernels, 1);
      FAIL() << kernels;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::environment) << kernels;
      EXPECT_THAT(error.message(), testing::HasSubstr("'" + kernels + "'"));
      for (const KernelPath& path : available_paths()) {
        EXPECT_THAT(error.hint(), testing::HasSubstr(std::string(path.name)));
      }
    }
  }
}

#if defined(__x86_64__)
TEST_F(BadInput, FlushToZeroThatALibrarySetsDuringATrainingIsRefused) {
  Parallel parallel(2);
  Trainer trainer(inputs_.config, store_, inputs_.dataset, {&parallel, "auto", 0});
  trainer.initialize();
  trainer.step(false);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> arrived{0};
  parallel.run(2, [&](std::int64_t) {
    ++arrived;
    while (arrived.load() < 2) std::this_thread::yield();
    if (std::this_thread::get_id() == caller) return;
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8000U);
  });
  try {
    for (int i = 0; i < 100; ++i) trainer.step(false);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_EQ(exit_code(error.code()), 5);
    EXPECT_THAT(error.message(), testing::HasSubstr("thread 1 is not the default one: flush-to"));
  }
}
#endif

}  // namespace
}  // namespace repro::train
