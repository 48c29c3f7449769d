// What was queued on a device last, so that a failure, which appears later, can be named.
//
// Kernels tell when they start (Progress, train/kernels/cuda/launch.h); products of a library do
// not. So after a failure the culprit is the last that started, or a product queued right behind
// it. Thread rules: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "train/device/device.h"

namespace repro::train {

class OperationLog {
 public:
  // What is added from here on belongs to this part of a step.
  void enter(const DeviceOperation& operation);

  // The number of the operation, counted from 1. `name` lives for ever; `tells`: it is a kernel
  // that stores its number when it starts.
  std::int64_t add(std::string_view name, bool tells);

  // "NAME, step S, TENSOR" of operation `started`, and of those behind it up to the next that
  // tells, parted by " or ". 0: none started.
  std::string describe(std::int64_t started) const;

  // Where the queue is now: "NAME, step S, TENSOR" of what is being queued.
  std::string describe_now(std::string_view name) const;

 private:
  struct Entry {
    std::string_view name;
    std::int64_t number = 0;
    std::int64_t step = 0;
    std::string tensor;
    bool tells = false;
  };
  static std::string text(const Entry& entry);
  const Entry& at(std::int64_t number) const {
    return ring_[static_cast<std::size_t>(number % kKept)];
  }

  // More than a GPU's queue holds: what has not started yet is still here.
  static constexpr std::int64_t kKept = 8192;

  std::array<Entry, kKept> ring_;
  Entry now_;  // without a name
  std::int64_t last_ = 0;
};

}  // namespace repro::train
