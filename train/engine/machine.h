// The machine that a trainer computes on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "train/kernels/parallel.h"

namespace repro::artifacts {
class Catalogue;
}

namespace repro::train {

class Device;
class OrderCache;

// How to compute, not what: none of it can change a bit.
struct Machine {
  Parallel* parallel = nullptr;
  std::string kernels = "auto";
  std::int64_t micro_batch = 0;  // sequences; 0: about 1024 tokens at a time
  std::int64_t padding = 0;      // positions appended to every sequence and masked; exact only
  // What run.device = cuda is, where it is not this build's (make_cuda_device).
  std::function<std::unique_ptr<Device>()> make_device = nullptr;
  const OrderCache* orders = nullptr;  // keeps long orders; null: they are made anew
  // Knows which files of data are as they were hashed; null: they are hashed again.
  artifacts::Catalogue* catalogue = nullptr;
};

}  // namespace repro::train
