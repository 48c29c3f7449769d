// Buffers that a thread keeps between calls, so that products allocate nothing in steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

namespace repro::train {

// A cache-line aligned array whose content is lost when it grows. Not for sharing between threads
// while somebody calls `reserve`.
template <class T>
class ScratchArray {
  static_assert(std::is_trivial_v<T>);

 public:
  // At least `count` elements, uninitialised; valid until the next call. Grows, never shrinks.
  T* reserve(std::int64_t count) {
    if (count > capacity_) {
      data_.reset();
      capacity_ = 0;
      const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
      data_.reset(static_cast<T*>(::operator new(bytes, kAlignment)));
      capacity_ = count;
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<T[], Free> data_;
  std::int64_t capacity_ = 0;
};

}  // namespace repro::train
