// What a person reads where a GPU cannot be used or fails: what was found and what to do.
#include "train/device/cuda_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace repro::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

CudaFacts h200() {
  CudaFacts facts;
  facts.driver = 13000;
  facts.driver_release = "580.65.06";
  facts.device = "NVIDIA H200";
  facts.major = 9;
  facts.where = "join_sums, step 3, lm_head";
  return facts;
}

Error of(int code, const CudaFacts& facts) {
  const Error error = cuda_error({code, "cudaErrorName", "what the driver says"}, facts);
  EXPECT_EQ(error.code(), Code::environment);
  EXPECT_NE(error.hint(), "");
  return error;
}

TEST(CudaErrors, NoDriver) {
  const Error error = of(cuda_code::kInsufficientDriver, {});
  EXPECT_EQ(error.message(), "there is no NVIDIA driver");
  EXPECT_THAT(error.hint(), AllOf(HasSubstr("R580"), HasSubstr("leave --device out")));
}

TEST(CudaErrors, OldDriverIsNamed) {
  CudaFacts facts;
  facts.driver = 12040;
  facts.driver_release = "550.54.14";
  EXPECT_EQ(of(cuda_code::kInsufficientDriver, facts).message(),
            "the NVIDIA driver 550.54.14 is of CUDA 12.4; CUDA 13 is needed, which came with R580");
  facts.driver_release.clear();
  EXPECT_THAT(of(cuda_code::kInsufficientDriver, facts).message(),
              HasSubstr("the NVIDIA driver is of CUDA 12.4"));
}

TEST(CudaErrors, NoDevice) {
  const Error error = of(cuda_code::kNoDevice, h200());
  EXPECT_EQ(error.message(), "the NVIDIA driver sees no GPU");
  EXPECT_THAT(error.hint(), HasSubstr("CUDA_VISIBLE_DEVICES"));
}

TEST(CudaErrors, DevicesThatAreTooOldOrHaveNoKernel) {
  CudaFacts facts = h200();
  EXPECT_NO_THROW(check_capability(facts));
  EXPECT_THAT(of(cuda_code::kNoKernelImage, facts).message(),
              AllOf(HasSubstr("NVIDIA H200, compute capability 9.0"), HasSubstr("cudaErrorName")));
  facts.device = "Tesla T4";
  facts.major = 7;
  facts.minor = 5;
  for (const int code : {cuda_code::kNoKernelImage, cuda_code::kUnsupportedPtx}) {
    EXPECT_EQ(of(code, facts).message(),
              "Tesla T4, compute capability 7.5: 8.0 or newer is needed");
  }
  EXPECT_THROW(check_capability(facts), Error);
}

TEST(CudaErrors, MemorySaysHowMuchWasWanted) {
  CudaFacts facts = h200();
  facts.wanted = 4096;
  facts.memory = {1000, 2000};
  const Error error = of(cuda_code::kOutOfMemory, facts);
  EXPECT_EQ(error.message(), "the GPU has no room for 4096 bytes: 1000 of 2000 are free");
  EXPECT_THAT(error.hint(), HasSubstr("run.micro_batch"));
  EXPECT_THAT(error.hint(), HasSubstr("run.recompute=true"));
}

TEST(CudaErrors, MemoryThatNobodyAskedForNamesThePlace) {
  EXPECT_EQ(of(cuda_code::kOutOfMemory, h200()).message(),
            "join_sums, step 3, lm_head: what the driver says (cudaErrorName)");
}

TEST(CudaErrors, BrokenMemoryTrustsNothingSinceTheCheckpoint) {
  for (const int code : {cuda_code::kEccUncorrectable, cuda_code::kContained}) {
    const Error error = of(code, h200());
    EXPECT_THAT(error.message(),
                AllOf(HasSubstr("uncorrectable"), HasSubstr("join_sums, step 3, lm_head"),
                      HasSubstr("nothing computed since the last checkpoint is to be trusted")));
    EXPECT_THAT(error.hint(), AllOf(HasSubstr("checkpoint stands"), HasSubstr("repro resume")));
  }
}

TEST(CudaErrors, AnyOtherNamesKernelStepAndTensor) {
  const Error error = of(700, h200());
  EXPECT_EQ(error.message(), "join_sums, step 3, lm_head: what the driver says (cudaErrorName)");
  EXPECT_THAT(error.hint(), HasSubstr("repro resume"));
}

TEST(CudaErrors, ReleaseOfTheDriver) {
  EXPECT_EQ(driver_release("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 "
                           "07:18:53 UTC 2025\nGCC version:  gcc version 12.2.0\n"),
            "580.65.06");
  EXPECT_EQ(driver_release("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  575.51.03  "
                           "Release Build\n"),
            "575.51.03");
  EXPECT_EQ(driver_release("nothing of the kind\nversion 1.2\n"), "");
  EXPECT_EQ(driver_release(""), "");
}

}  // namespace
}  // namespace repro::train
