// The seam between a training step on a device and the device itself: memory, a queue of programs
// and exact int8 products. An NVIDIA GPU stands behind it (train/device/cuda, in
// librepro_cuda.so), and in tests a CPU, so the whole step is proven where there is no GPU.
//
// Everything but `allocate` and `release` goes into one queue and is done in its order; `download`
// and `wait` wait for it, and `upload` may. Pointers are the device's, unless said.
//
// Errors: Error(environment) "KERNEL, step S, TENSOR: what the driver says" where the device fails,
// from the next call that waits; nothing can be done with the device after that but to destroy it.
// Ownership: who allocates releases. Thread rules: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "train/kernels/cuda/program.h"

namespace repro::train {

// Where in a step the queue is, for messages.
struct DeviceOperation {
  std::int64_t step = 0;
  std::string_view tensor;  // outlives the device or is copied by it
};

// `free` of a device that is not bounded (tests, plans).
inline constexpr std::int64_t kEndlessMemory = INT64_MAX / 2;

struct DeviceMemory {
  std::int64_t free = 0;  // bytes that can be allocated
  std::int64_t total = 0;
};

// The three sums of split_gemm.h for a batch of operands, [batch][m][ld_sums], int32. B's rows from
// n up to padded_columns(n) are read too (they lie within B's memory, whatever they hold), and the
// columns they give may be written: nobody reads them. ld_sums is padded_columns(n).
struct DigitProduct {
  std::int64_t batch = 1;
  std::int64_t m = 0, n = 0;
  std::int64_t padded = 0;         // depth of each half: padded_depth(depth) <= kSplitDepth
  const std::int8_t* a = nullptr;  // [batch][m, 2 * padded], highs first
  const std::int8_t* b = nullptr;  // [batch][n, 2 * padded], lows first
  std::int64_t a_stride = 0;       // elements from one of the batch to the next; 0: shared
  std::int64_t b_stride = 0;
  std::int32_t* high = nullptr;
  std::int32_t* cross = nullptr;
  std::int32_t* low = nullptr;

  std::int64_t ld_sums() const { return padded_columns(n); }
  std::int64_t sums() const { return batch * m * ld_sums(); }
};

inline constexpr std::size_t kDeviceAlignment = 256;

class Device {
 public:
  virtual ~Device() = default;

  // For people: "NVIDIA H200, sm_90".
  virtual std::string_view name() const = 0;
  // What native bits depend on besides the recipe: driver, libraries, device.
  virtual std::map<std::string, std::string> versions() const = 0;

  virtual DeviceMemory memory() const = 0;
  // Not initialised, aligned to kDeviceAlignment. Error(environment) where there is no room, saying
  // how much was wanted and how much is free.
  virtual void* allocate(std::size_t bytes) = 0;
  // What is queued may still use it: memory is handed out again only after that.
  virtual void release(void* data) noexcept = 0;

  // What is queued from here on belongs to this part of the step.
  virtual void enter(const DeviceOperation& operation) = 0;

  virtual void clear(void* data, std::size_t bytes) = 0;
  // From host memory, which may be reused when this returns.
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  // To host memory; waits for what was queued before.
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;

  virtual void run(const Program& program) = 0;
  virtual void multiply(const DigitProduct& product) = 0;

  virtual void wait() = 0;
};

}  // namespace repro::train
