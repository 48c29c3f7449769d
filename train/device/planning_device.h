// A device that computes nothing and only counts what memory a step would hold: so that what does
// not fit is known, with what would, before anything is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "train/device/device.h"

namespace repro::train {

class PlanningDevice final : public Device {
 public:
  // Most bytes held at once so far.
  std::int64_t peak_bytes() const { return peak_; }

  std::string_view name() const override { return "plan"; }
  std::map<std::string, std::string> versions() const override { return {}; }
  DeviceMemory memory() const override;
  // An address that must not be read or written.
  void* allocate(std::size_t bytes) override;
  void release(void* data) noexcept override;
  void enter(const DeviceOperation&) override {}
  void clear(void*, std::size_t) override {}
  void upload(void*, const void*, std::size_t) override {}
  // Leaves words of kNoIndex: no fault was found.
  void download(void* to, const void* from, std::size_t bytes) override;
  void run(const Program&) override {}
  void multiply(const DigitProduct&) override {}
  void wait() override {}

 private:
  std::uintptr_t next_ = kDeviceAlignment;
  std::int64_t held_ = 0;
  std::int64_t peak_ = 0;
  std::map<void*, std::int64_t> blocks_;
};

}  // namespace repro::train
