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

TEST(Native, RecomputingChangesNoBit) {
  for (const char* dtype : {"fp32", "bf16"}) {
    for (const auto& [norm, documents] : {std::pair("post", false), std::pair("pre", true)}) {
      SCOPED_TRACE(std::string(dtype) + " " + norm);
      manifests::Config config = small_config();
      config.model.norm = norm;
      config.data.mask_documents = documents;
      const Trajectory kept = train(config, "native", 3, dtype);
      config.run.recompute = true;
      const Trajectory again = train(config, "native", 3, dtype);
      EXPECT_TRUE(kept == again);
    }
  }
}

TEST(Native, TwiceGivesTheSameBits) {
  const Trajectory first = train(small_config(), "native", 3);
  const Trajectory second = train(small_config(), "native", 3);
  EXPECT_TRUE(first == second);
}

// One step of two sequences, of which some are without loss.
struct MaskedStep {
  LossSums sums;
  double norm = 0;
  std::vector<float> weights;
};
MaskedStep masked_step(const std::string& profile, const std::vector<bool>& without_loss) {
  manifests::Config config = small_config();
  config.profile = profile;
  Parallel parallel(1);
  Parameters parameters(config.model);
  parameters.initialize(config.model, 3, parallel);
  Machine machine;
  machine.parallel = &parallel;
  const auto backend = make_backend(config, machine, parameters);
  backend->refresh();
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 320; ++i) ids.push_back((i * i + i / 7) % 100);
  MicroBatch batch;
  batch.ids = ids;
  batch.sequences = 2;
  batch.length = 160;
  batch.groups = {{0, 160}, {160, 320}};
  batch.without_loss = without_loss;
  backend->begin_step(1);
  MaskedStep step;
  step.sums = backend->accumulate(batch);
  const std::int64_t divisor = loss_divisor(config, step.sums.targets);
  step.norm = backend->gradient_norm(divisor);
  backend->update(update_constants(config, 1, divisor), step.norm);
  backend->fetch();
  const auto weights = parameters.weights.span();
  step.weights.assign(weights.begin(), weights.end());
  return step;
}

TEST(Native, SequencesWithoutLossHaveNoTargets) {
  const MaskedStep exact = masked_step("exact", {false, true});
  const MaskedStep native = masked_step("native", {false, true});
  EXPECT_EQ(native.sums.targets, 159);
  EXPECT_NEAR(static_cast<double>(native.sums.cross_entropy) /
                  static_cast<double>(exact.sums.cross_entropy),
              1, 1e-4);
  EXPECT_NEAR(static_cast<double>(native.sums.z_loss) / static_cast<double>(exact.sums.z_loss), 1,
              1e-4);
  EXPECT_EQ(native.sums.correct, exact.sums.correct);
  EXPECT_NEAR(native.norm / exact.norm, 1, 2e-3);
  const MaskedStep none = masked_step("native", {});
  EXPECT_EQ(none.sums.targets, 318);
  EXPECT_GT(none.sums.cross_entropy, native.sums.cross_entropy);
  EXPECT_EQ(masked_step("native", {false, false}).weights, none.weights);
}

TEST(Native, AStepWithoutTargetsHasNoLossAndNoGradient) {
  const MaskedStep step = masked_step("native", {true, true});
  EXPECT_EQ(step.sums.targets, 0);
  EXPECT_EQ(step.sums.cross_entropy, 0);
  EXPECT_EQ(step.sums.z_loss, 0);
  EXPECT_EQ(step.sums.correct, 0);
  EXPECT_EQ(step.norm, 0);
  for (const float weight : step.weights) ASSERT_TRUE(std::isfinite(weight));
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
