// A device whose programs run on the CPU, one lane a warp, its warps in an order that changes from
// launch to launch. That the number of lanes changes no bit is shown program by program
// (tests/train/rows); here a whole step is put together from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "train/device/device.h"

namespace repro::train {

class EmulatedDevice : public Device {
 public:
  // `bytes`: its memory.
  explicit EmulatedDevice(std::uint32_t seed = 1, std::int64_t bytes = kEndlessMemory)
      : random_(seed), total_(bytes) {}
  ~EmulatedDevice() override;

  std::string_view name() const override { return "emulated"; }
  std::map<std::string, std::string> versions() const override { return {{"device", "emulated"}}; }
  DeviceMemory memory() const override {
    return {total_ == kEndlessMemory ? total_ : total_ - used_, total_};
  }
  // Not zero: what reads memory that nobody wrote gives other bits than the CPU.
  void* allocate(std::size_t bytes) override;
  void release(void* data) noexcept override;
  void enter(const DeviceOperation&) override {}
  void clear(void* data, std::size_t bytes) override;
  void upload(void* to, const void* from, std::size_t bytes) override;
  void download(void* to, const void* from, std::size_t bytes) override;
  void run(const Program& program) override;
  void multiply(const DigitProduct& product) override;
  void wait() override {}

  std::int64_t peak_bytes() const { return peak_; }

 private:
  // Throws std::logic_error where [data, data + bytes) is not within one allocation.
  void require_inside(const void* data, std::int64_t bytes) const;

  std::mt19937 random_;
  std::int64_t total_ = 0;
  std::int64_t used_ = 0;
  std::int64_t peak_ = 0;
  std::map<void*, std::size_t> blocks_;
};

}  // namespace repro::train
