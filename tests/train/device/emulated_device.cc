#include "tests/train/device/emulated_device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "artifacts/base/error.h"
#include "tests/train/device/test_device.h"
#include "tests/train/rows/serial_warp.h"

namespace repro::train {
namespace {

constexpr int kPoison = 0xA5;

struct ThreeSums {
  std::int32_t high = 0, cross = 0, low = 0;
};

#if defined(__x86_64__)
#define REPRO_FAST_DOTS __attribute__((target_clones("avx2", "default")))
#else
#define REPRO_FAST_DOTS
#endif

// x: highs, then lows; y: lows, then highs.
REPRO_FAST_DOTS ThreeSums dots(const std::int8_t* x, const std::int8_t* y, std::int64_t depth) {
  ThreeSums sums;
  for (std::int64_t k = 0; k < depth; ++k) {
    const std::int16_t x_high = x[k];
    const std::int16_t x_low = x[depth + k];
    const std::int16_t y_low = y[k];
    const std::int16_t y_high = y[depth + k];
    sums.high += x_high * y_high;
    sums.cross += x_high * y_low + x_low * y_high;
    sums.low += x_low * y_low;
  }
  return sums;
}

}  // namespace

EmulatedDevice::~EmulatedDevice() {
  for (const auto& [data, bytes] : blocks_) std::free(data);
}

void* EmulatedDevice::allocate(std::size_t bytes) {
  if (static_cast<std::int64_t>(bytes) > total_ - used_) {
    throw Error(Code::environment, "the device has no " + std::to_string(bytes) +
                                       " bytes left: " + std::to_string(total_ - used_) + " of " +
                                       std::to_string(total_) + " are free");
  }
  void* data = std::aligned_alloc(256, (bytes + 255) / 256 * 256 + 256);
  if (data == nullptr) throw std::bad_alloc();
  std::memset(data, kPoison, bytes);
  blocks_[data] = bytes;
  used_ += static_cast<std::int64_t>(bytes);
  peak_ = std::max(peak_, used_);
  return data;
}

void EmulatedDevice::release(void* data) noexcept {
  const auto found = blocks_.find(data);
  if (found == blocks_.end()) std::abort();
  used_ -= static_cast<std::int64_t>(found->second);
  std::memset(data, kPoison, found->second);
  blocks_.erase(found);
  std::free(data);
}

void EmulatedDevice::clear(void* data, std::size_t bytes) { std::memset(data, 0, bytes); }
void EmulatedDevice::upload(void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}
void EmulatedDevice::download(void* to, const void* from, std::size_t bytes) {
  std::memcpy(to, from, bytes);
}

void EmulatedDevice::run(const Program& program) {
  const auto warps = static_cast<std::int64_t>(1 + random_() % 5);
  std::vector<std::int64_t> order(static_cast<std::size_t>(warps));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random_);
  std::visit(
      [&](const auto& args) {
        for (std::int64_t warp : order) run_units(SerialWarp(warp, warps), args);
      },
      program);
}

void EmulatedDevice::require_inside(const void* data, std::int64_t bytes) const {
  auto block = blocks_.upper_bound(const_cast<void*>(data));
  if (block != blocks_.begin()) {
    --block;
    const char* begin = static_cast<const char*>(block->first);
    const char* end = static_cast<const char*>(data) + bytes;
    if (end <= begin + block->second) return;
  }
  throw std::logic_error("a product beyond its operand");
}

// What a library writes beyond column n is left out: nobody may read it. What it reads there must
// be the device's.
void EmulatedDevice::multiply(const DigitProduct& product) {
  if (product.padded % kSplitAlignment != 0 || product.padded > kSplitDepth) {
    throw std::logic_error("a product of digits of this depth");
  }
  const std::int64_t p = product.padded;
  const std::int64_t ld = product.ld_sums();
  for (const std::int32_t* sums : {product.high, product.cross, product.low}) {
    require_inside(sums, product.sums() * 4);
  }
  for (std::int64_t i = 0; i < product.batch; ++i) {
    const std::int8_t* a = product.a + i * product.a_stride;
    const std::int8_t* b = product.b + i * product.b_stride;
    require_inside(a, product.m * 2 * p);
    require_inside(b, ld * 2 * p);
    for (std::int64_t m = 0; m < product.m; ++m) {
      for (std::int64_t n = 0; n < product.n; ++n) {
        const ThreeSums sums = dots(a + m * 2 * p, b + n * 2 * p, p);
        const std::int64_t at = (i * product.m + m) * ld + n;
        product.high[at] = sums.high;
        product.cross[at] = sums.cross;
        product.low[at] = sums.low;
      }
    }
  }
}

std::unique_ptr<Device> make_test_device() { return std::make_unique<EmulatedDevice>(); }

}  // namespace repro::train
