#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <functional>

#include "artifacts/base/error.h"
#include "train/native/torch_cuda.h"

namespace repro::train {
namespace {

void translate(const std::function<void()>& work) {
  try {
    work();
  } catch (const c10::Error& error) {
    rethrow_gpu_error(error, 7);
  }
}

Error translated(const std::function<void()>& work) {
  try {
    translate(work);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    return error;
  }
  return Error(Code::internal, "no error");
}

TEST(GpuErrors, NoMemory) {
  const Error error = translated(
      [] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory.\nFor Python's users"); });
  EXPECT_EQ(error.message(), "step 7, on the GPU: CUDA out of memory.");
  EXPECT_NE(error.hint().find("run.micro_batch"), std::string::npos);
  EXPECT_NE(error.hint().find("run.recompute=true"), std::string::npos);
}

TEST(GpuErrors, AKernelThatFailed) {
  const Error error = translated([] {
    throw c10::AcceleratorError({__func__, __FILE__, __LINE__}, 700, "CUDA error: illegal access");
  });
  EXPECT_EQ(error.message(), "step 7, on the GPU: CUDA error: illegal access");
  EXPECT_NE(error.hint().find("repro resume"), std::string::npos);
}

TEST(GpuErrors, ABugStaysOne) {
  EXPECT_THROW(translate([] { TORCH_CHECK(false, "shapes do not fit"); }), c10::Error);
}

}  // namespace
}  // namespace repro::train
