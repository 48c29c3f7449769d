#include "train/device/load_cuda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"

namespace repro::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// What is said where `library` stands for the GPU part.
Error failure(const std::string& library) {
  ::setenv("REPRO_CUDA_LIBRARY", library.c_str(), 1);
  try {
    make_cuda_device();
  } catch (const Error& error) {
    ::unsetenv("REPRO_CUDA_LIBRARY");
    EXPECT_EQ(error.code(), Code::environment);
    return error;
  }
  ADD_FAILURE() << library << " gave a device";
  return Error(Code::internal, "");
}

std::string built(const std::string& name) {
  return *find_environment("REPRO_BINARY_DIR") + "/tests/" + name;
}

TEST(LoadCuda, ABuildWithoutIt) {
  const Error error = failure("nowhere/librepro_cuda.so");
  EXPECT_EQ(error.message(),
            "--device cuda: this build has no GPU part (nowhere/librepro_cuda.so)");
  EXPECT_THAT(error.hint(), AllOf(HasSubstr("docs/gpu.md"), HasSubstr("leave --device out")));
}

TEST(LoadCuda, AFileThatIsNoLibrary) {
  EXPECT_THAT(failure(*find_environment("REPRO_SOURCE_DIR") + "/README.md").message(),
              AllOf(HasSubstr("--device cuda: cannot load the GPU part"), HasSubstr("README.md")));
}

TEST(LoadCuda, APartOfAnotherBuild) {
  EXPECT_THAT(failure(built("libfake_cuda_old.so")).message(),
              HasSubstr("belongs to another build"));
  EXPECT_THAT(failure(built("libfake_cuda_none.so")).message(),
              HasSubstr("belongs to another build"));
}

TEST(LoadCuda, WhatThePartSaysIsPassedOn) {
  const Error error = failure(built("libfake_cuda.so"));
  EXPECT_EQ(error.message(), "--device cuda: there is no NVIDIA driver");
  EXPECT_EQ(error.hint(), "install one");
}

}  // namespace
}  // namespace repro::train
