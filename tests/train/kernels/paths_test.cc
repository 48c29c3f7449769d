#include "train/kernels/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "artifacts/base/error.h"
#include "train/kernels/cpu/gemm_paths.h"

namespace repro::train {
namespace {

TEST(Paths, EveryPathIsCompleteAndScalarIsThere) {
  const std::vector<KernelPath> paths = available_paths();
  EXPECT_EQ(paths.front().name, "scalar");
  for (const KernelPath& path : paths) {
    EXPECT_EQ(path.name, path.gemm->name());
    ASSERT_NE(path.rows, nullptr);
    EXPECT_TRUE(is_known_path(path.name));
    EXPECT_EQ(choose_path(path.name).gemm, path.gemm);
  }
}

TEST(Paths, AutoIsTheBest) {
  EXPECT_EQ(choose_path("auto").gemm, available_paths().back().gemm);
  EXPECT_EQ(choose_path("").gemm, available_paths().back().gemm);
}

TEST(Paths, AnUnknownNameIsRefusedWithTheChoices) {
  try {
    choose_path("avx3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_THAT(error.message(), testing::HasSubstr("'avx3'"));
    EXPECT_THAT(error.hint(), testing::HasSubstr("scalar, fp64"));
  }
}

TEST(Paths, AKnownPathThatTheCpuLacksIsAnEnvironmentError) {
  const std::vector<KernelPath> few = {available_paths().front()};
  try {
    choose_path("avx512", few);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_THAT(error.hint(), testing::HasSubstr("scalar"));
  }
}

TEST(Paths, EveryKnownNameIsThereOrRefusedAsTheEnvironments) {
  const std::vector<KernelPath> paths = available_paths();
  for (const std::string_view name : {"scalar", "fp64", "avx2", "avx512", "amx", "neon"}) {
    EXPECT_TRUE(is_known_path(name));
    const bool there = std::any_of(paths.begin(), paths.end(),
                                   [name](const KernelPath& path) { return path.name == name; });
    try {
      EXPECT_EQ(choose_path(name).name, name);
      EXPECT_TRUE(there) << name;
    } catch (const Error& error) {
      EXPECT_FALSE(there) << name;
      EXPECT_EQ(error.code(), Code::environment) << name;
      EXPECT_THAT(error.hint(), testing::HasSubstr("this machine has: auto, scalar, fp64"));
    }
  }
}

}  // namespace
}  // namespace repro::train
