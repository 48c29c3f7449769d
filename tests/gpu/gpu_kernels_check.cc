// The tests of the kernels' programs (tests/train/rows) and of the functions, on a GPU. Exit status
// 77 where there is none. The heap of this program becomes memory that host and GPU share, so the
// tests are those of the CPU.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "tests/gpu/gpu_grid.h"

namespace {

constexpr std::size_t kHeapBytes = std::size_t{3} << 30;

// Handed out in order, never taken back; malloc's before it is there.
struct SharedHeap {
  char* begin = nullptr;
  std::atomic<std::size_t> used = 0;

  bool holds(const void* pointer) const {
    const char* at = static_cast<const char*>(pointer);
    return begin != nullptr && at >= begin && at < begin + kHeapBytes;
  }
  void* take(std::size_t size) {
    const std::size_t rounded = (size + 255) / 256 * 256;
    if (begin == nullptr) return std::malloc(size);
    const std::size_t at = used.fetch_add(rounded);
    return at + rounded <= kHeapBytes ? begin + at : nullptr;
  }
};
SharedHeap heap;

}  // namespace

void* operator new(std::size_t size) {
  void* memory = heap.take(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  if (!heap.holds(memory)) std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const repro::train::GpuChoice gpu = repro::train::prepare_gpu(kHeapBytes);
  if (!gpu.problem.empty()) {
    std::printf("skipped: %s%s%s\n", gpu.name.c_str(), gpu.name.empty() ? "" : ": ",
                gpu.problem.c_str());
    return 77;
  }
  heap.begin = gpu.memory;
  std::printf("on %s\n", gpu.name.c_str());
  const int status = RUN_ALL_TESTS();
  std::fflush(nullptr);
  std::_Exit(status);  // what would be destroyed lies in memory that CUDA takes back first
}
