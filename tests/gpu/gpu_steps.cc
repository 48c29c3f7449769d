// Whole runs on a GPU: the recipes' golden roots, GPU to CPU and back (tests/conformance). Exit
// status 77 where there is no GPU. Untested on hardware.
#include <gtest/gtest.h>

#include <cstdio>

#include "artifacts/base/error.h"
#include "tests/train/device/test_device.h"
#include "train/device/load_cuda.h"

namespace repro::train {

std::unique_ptr<Device> make_test_device() { return make_cuda_device(); }

}  // namespace repro::train

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  try {
    std::printf("on %s\n", std::string(repro::train::make_test_device()->name()).c_str());
  } catch (const repro::Error& error) {
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  return RUN_ALL_TESTS();
}
