// Memory of the exact trainer: 64-byte aligned, uninitialised, grows and never shrinks, so that a
// step in steady state allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace repro::train {

// At least 64-byte aligned; large blocks lie on huge pages where the system has them. Throws
// std::bad_alloc.
void* allocate_aligned(std::size_t bytes);
void free_aligned(void* data);

// Makes [data, data + bytes), part of one block of allocate_aligned, zero. Whole pages go back to
// the system and take memory again, page by page, when they are written.
// `small`: for good, so that one written row does not bring two megabytes.
enum class Pages : std::uint8_t { small, any };
void zero_pages(void* data, std::size_t bytes, Pages pages);

// Owns room for `T` (trivial types). Move-only; one thread at a time.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t size) { resize(size); }

  // Contents are undefined after growth.
  void resize(std::int64_t size) {
    size_ = size;
    if (size <= capacity_) return;
    const auto bytes = static_cast<std::size_t>(size) * sizeof(T);
    data_.reset();  // first: two generations need not exist at once
    data_.reset(static_cast<T*>(allocate_aligned(bytes)));
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
    void operator()(T* data) const { free_aligned(data); }
  };
  std::unique_ptr<T[], Free> data_;
  std::int64_t size_ = 0;
  std::int64_t capacity_ = 0;
};

}  // namespace repro::train
