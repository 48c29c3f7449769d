// What of a resolved configuration (manifests/config.h) says how it is computed.
#pragma once

#include <cstdint>
#include <string>

namespace repro::manifests {

// What the native profile alone reads.
struct NativeConfig {
  // "fp32", or "bf16": products and attention of bfloat16 operands; weights, gradients, optimizer,
  // norms and loss stay in float32.
  std::string dtype = "fp32";

  bool operator==(const NativeConfig&) const = default;
};

// Running keys: none of them can change a bit.
struct RunConfig {
  std::int64_t checkpoint_every = 0;  // 0: only at the end and on a signal
  std::int64_t digest_every = 1;      // roots in the log at every k-th step
  std::int64_t threads = 0;           // 0: the usable cores
  std::int64_t micro_batch = 0;       // sequences at a time; 0: as the memory plan says (1)
  std::int64_t ranks = 1;
  // Keep of each layer only its input, and run its forward again before its backward.
  bool recompute = false;
  std::string kernels = "auto";
  std::string device = "cpu";

  bool operator==(const RunConfig&) const = default;
};

}  // namespace repro::manifests
