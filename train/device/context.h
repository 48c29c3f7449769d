// What every operation of a step on a device needs. One a backend; one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "train/device/faults.h"
#include "train/nn/context.h"

namespace repro::train {

// Memory that operations share, each for the time of its own launches; the queue keeps them apart.
struct DeviceScratch {
  // `product_bytes`: about how much the sums of one product may take; larger ones are cut.
  DeviceScratch(Device& the_device, std::int64_t bytes)
      : device(the_device), product_bytes(bytes) {}

  Device& device;
  std::int64_t product_bytes;
  DeviceArray<std::int32_t> sums{device};
  DeviceArray<std::int64_t> part_sums{device};
  DeviceArray<std::int8_t> a{device};  // operands made for one product
  DeviceArray<std::int8_t> b{device};
  DeviceArray<std::int16_t> digits{device};
  DeviceArray<std::int32_t> exponents{device};
};

inline constexpr std::int64_t kProductBytes = std::int64_t{512} << 20;

struct DeviceContext {
  DeviceContext(Device& the_device, std::int64_t product_bytes)
      : device(the_device), faults(the_device), scratch(the_device, product_bytes) {}

  Device& device;
  Faults faults;
  DeviceScratch scratch;
  std::int64_t step = 0;   // the update under way, for messages
  Peaks* peaks = nullptr;  // notes what is quantised unfolded, where not null

  // A watch that throws as check_finite does, at element `first` + index of a packed tensor.
  std::int64_t* watch_finite(std::string_view operation, std::string_view tensor,
                             std::int64_t first = 0);
  // For terms that do not fit the gradient's fixed point, where all rows, `cols` wide, add into
  // one.
  std::int64_t* watch_gradient(std::string_view tensor, std::int64_t cols);
  // The same where row r of the terms, `cols` wide, belongs to row rows[r] of the gradient.
  std::int64_t* watch_gradient_rows(std::string_view tensor, std::int64_t cols,
                                    std::span<const std::int32_t> rows);
  // For a product [*, cols] into a gradient that traps.
  std::int64_t* watch_product(std::string_view tensor, std::int64_t cols, const GemmOutput& output);
};

}  // namespace repro::train
