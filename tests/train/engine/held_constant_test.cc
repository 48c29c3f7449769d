#include <gtest/gtest.h>

#include "artifacts/base/error.h"
#include "train/engine/backends.h"

namespace repro::train {
namespace {

TEST(HeldConstant, WhatIsTheSameIsNotRefused) {
  check_held_constant({}, {});
  check_held_constant({{"cpu", "a"}, {"threads", "2"}}, {{"threads", "2"}, {"cpu", "a"}});
}

// A run on a CPU that is resumed on a GPU: both sides have what the other has not.
TEST(HeldConstant, EveryDifferenceIsNamed) {
  const HeldConstant cpu = {{"capability", "AVX2"}, {"libtorch", "2.11.0"}, {"threads", "2"}};
  const HeldConstant gpu = {
      {"capability", "9.0"}, {"device", "NVIDIA H100"}, {"libtorch", "2.11.0"}};
  try {
    check_held_constant(cpu, gpu);
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_EQ(error.message(),
              "this environment is not the one that the native profile was bound to:\n"
              "  capability: the run has AVX2, here is 9.0\n"
              "  device: the run has nothing, here is NVIDIA H100\n"
              "  threads: the run has 2, here is nothing");
    EXPECT_NE(error.hint().find("--device"), std::string::npos);
  }
  EXPECT_THROW(check_held_constant(gpu, cpu), Error);
  EXPECT_THROW(check_held_constant({}, cpu), Error);
}

}  // namespace
}  // namespace repro::train
