// Memory of the exact trainer: 64-byte aligned, uninitialised, grows and never shrinks, so that a
// step in steady state allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace repro::train {

// Owns room for `T` (trivial types). Move-only; one thread at a time.
template <class T>
class Buffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  Buffer() = default;
  explicit Buffer(std::int64_t size) { resize(size); }

  // Contents are undefined after growth.
  void resize(std::int64_t size) {
    size_ = size;
    if (size <= capacity_) return;
    const auto bytes = static_cast<std::size_t>(size) * sizeof(T);
    data_.reset(static_cast<T*>(::operator new(bytes, std::align_val_t(kAlignment))));
    capacity_ = size;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }
  T& operator[](std::int64_t i) { return data_.get()[i]; }
  const T& operator[](std::int64_t i) const { return data_.get()[i]; }
  std::span<T> span() { return {data_.get(), static_cast<std::size_t>(size_)}; }
  std::span<const T> span() const { return {data_.get(), static_cast<std::size_t>(size_)}; }
  void fill(T value) {
    for (std::int64_t i = 0; i < size_; ++i) data_.get()[i] = value;
  }

 private:
  struct Free {
    void operator()(T* data) const { ::operator delete(data, std::align_val_t(kAlignment)); }
  };
  std::unique_ptr<T[], Free> data_;
  std::int64_t size_ = 0;
  std::int64_t capacity_ = 0;
};

}  // namespace repro::train
