// The native profile: LibTorch's kernels compute the same model. Exact and native start from the
// same weights and see the same tokens, so their losses and gradients agree to float accuracy: an
// independent check of every formula of the exact model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "tests/train/native/native_world.h"
#include "train/engine/backends.h"

namespace repro::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Native, AgreesWithExactToFloatAccuracy) {
  expect_float_accuracy(train(small_config(), "exact", 20), train(small_config(), "native", 20));
}

TEST(Native, AgreesWithExactInTheOtherForms) {
  const std::pair<std::string, bool> forms[] = {{"pre", true}, {"pre", false}, {"post", false}};
  for (const auto& [norm, qk_norm] : forms) {
    SCOPED_TRACE(norm + (qk_norm ? " with" : " without") + " qk_norm");
    manifests::Config config = small_config();
    config.model.norm = norm;
    config.model.qk_norm = qk_norm;
    config.model.init = "mitchell";
    expect_float_accuracy(train(config, "exact", 8), train(config, "native", 8));
  }
}

TEST(Native, AgreesWithExactWithinDocuments) {
  manifests::Config config = small_config();
  const Trajectory across = train(config, "native", 8);
  config.data.mask_documents = true;
  const Trajectory within = train(config, "native", 8);
  expect_float_accuracy(train(config, "exact", 8), within);
  EXPECT_GT(std::abs(across.losses[0] - within.losses[0]), 1e-3);
}

TEST(Native, Bf16AgreesWithExactToBfloat16Accuracy) {
  expect_bf16_accuracy(train(small_config(), "exact", 20),
                       train(small_config(), "native", 20, "bf16"));
}

TEST(Native, Bf16TwiceGivesTheSameBits) {
  const Trajectory first = train(small_config(), "native", 3, "bf16");
  const Trajectory second = train(small_config(), "native", 3, "bf16");
  EXPECT_TRUE(first == second);
}

TEST(Native, TwiceGivesTheSameBits) {
  const Trajectory first = train(small_config(), "native", 3);
  const Trajectory second = train(small_config(), "native", 3);
  EXPECT_TRUE(first == second);
}

TEST(Native, NamesWhatItsPromiseDependsOn) {
  manifests::RunConfig running;
  const auto held = held_constant("native", running, 2);
  EXPECT_EQ(held.at("threads"), "2");
  EXPECT_FALSE(held.at("libtorch").empty());
  EXPECT_TRUE(held_constant("exact", running, 2).empty());
  running.micro_batch = 1;
  EXPECT_NE(held_constant("native", running, 2), held);
  running.device = "cuda";
  EXPECT_TRUE(held_constant("exact", running, 2).empty());
}

// What is said where `library` stands for LibTorch's CUDA part, when asked for what is held
// constant and when asked to train.
std::vector<Error> cuda_failures(const std::string& library) {
  ::setenv("REPRO_TORCH_CUDA", library.c_str(), 1);
  std::vector<Error> errors;
  const auto collect = [&](auto&& work) {
    try {
      work();
      ADD_FAILURE() << library << " is no GPU";
    } catch (const Error& error) {
      errors.push_back(error);
    }
  };
  manifests::Config config = small_config();
  config.run.device = "cuda";
  collect([&] { held_constant("native", config.run, 1); });
  collect([&] { train(config, "native", 1); });
  ::unsetenv("REPRO_TORCH_CUDA");
  return errors;
}

TEST(NativeOnAGpu, WithoutTheLibrary) {
  for (const Error& error : cuda_failures("nowhere/libtorch_cuda.so")) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_THAT(error.message(), HasSubstr("--device cuda: cannot load LibTorch's CUDA part: "
                                           "nowhere/libtorch_cuda.so"));
    EXPECT_THAT(error.hint(), AllOf(HasSubstr("scripts/deps --cuda"), HasSubstr("docs/gpu.md"),
                                    HasSubstr("REPRO_TORCH_CUDA")));
  }
}

TEST(NativeOnAGpu, WithALibraryThatFindsNone) {
  const std::string library =
      *find_environment("REPRO_BINARY_DIR") + "/tests/libfake_torch_cuda.so";
  for (const Error& error : cuda_failures(library)) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_EQ(error.message(), "--device cuda: LibTorch's CUDA part finds no GPU that it can use");
    EXPECT_THAT(error.hint(), AllOf(HasSubstr("repro doctor"), HasSubstr("--device cpu")));
  }
  EXPECT_EQ(*find_environment("CUBLAS_WORKSPACE_CONFIG"), ":4096:8");
}

// After a GPU was asked for, the CPU's bits are what they were.
TEST(NativeOnAGpu, ARefusalLeavesTheCpuAsItWas) {
  const Trajectory before = train(small_config(), "native", 3, "bf16");
  cuda_failures("nowhere/libtorch_cuda.so");
  const Trajectory after = train(small_config(), "native", 3, "bf16");
  EXPECT_TRUE(before == after);
}

}  // namespace
}  // namespace repro::train
