// Memory of a device, as Buffer is of the host: grows and never shrinks, so that a step in steady
// state allocates nothing.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "train/device/device.h"

namespace repro::train {

// Owns room for `T` (trivial types) on a device that outlives it. Move-only; one thread at a time.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(Device& device) : device_(&device) {}
  DeviceArray(Device& device, std::int64_t size) : device_(&device) { resize(size); }
  DeviceArray(DeviceArray&& other) noexcept
      : device_(other.device_),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~DeviceArray() { free(); }

  // Contents are undefined after growth.
  void resize(std::int64_t size) {
    if (size > capacity_) {
      free();  // first: two generations need not exist at once
      data_ = static_cast<T*>(device_->allocate(static_cast<std::size_t>(size) * sizeof(T)));
      capacity_ = size;
    }
    size_ = size;
  }
  void clear() { device_->clear(data_, bytes()); }
  void upload(std::span<const T> values) {
    resize(static_cast<std::int64_t>(values.size()));
    device_->upload(data_, values.data(), values.size_bytes());
  }
  // Both wait for the device.
  std::vector<T> download() const {
    std::vector<T> values(static_cast<std::size_t>(size_));
    download(values);
    return values;
  }
  void download(std::span<T> to) const { device_->download(to.data(), data_, to.size_bytes()); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::int64_t size() const { return size_; }
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }

 private:
  void free() {
    if (data_ != nullptr) device_->release(data_);
    data_ = nullptr;
    size_ = 0;
    capacity_ = 0;
  }

  Device* device_;
  T* data_ = nullptr;
  std::int64_t size_ = 0;
  std::int64_t capacity_ = 0;
};

}  // namespace repro::train
