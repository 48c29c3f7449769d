// A GPU for the tests of tests/train/rows.
#pragma once

#include <cstddef>
#include <string>

namespace repro::train {

struct GpuChoice {
  std::string name;        // of device 0, with its compute capability
  std::string problem;     // why it cannot be used; empty if it can
  char* memory = nullptr;  // `bytes` of it, which host and device read and write; never given back
};

GpuChoice prepare_gpu(std::size_t bytes);

}  // namespace repro::train
