#include "train/nn/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace repro::train {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kHugePageBytes = std::size_t{1} << 21;
constexpr std::size_t kPageBytes = std::size_t{1} << 16;  // a multiple of every page in use

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

void* allocate_aligned(std::size_t bytes) {
  const std::size_t alignment = bytes >= 2 * kHugePageBytes ? kHugePageBytes : kLineBytes;
  void* data = std::aligned_alloc(alignment, round_up(std::max<std::size_t>(bytes, 1), alignment));
  if (data == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == kHugePageBytes) madvise(data, round_up(bytes, alignment), MADV_HUGEPAGE);
#endif
  return data;
}

void free_aligned(void* data) { std::free(data); }

void zero_pages(void* data, std::size_t bytes, Pages pages) {
  auto* begin = static_cast<std::byte*>(data);
  std::byte* end = begin + bytes;
#if defined(__linux__)
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  std::byte* first = begin + (round_up(address, kPageBytes) - address);
  if (first < end) {
    const std::size_t whole = static_cast<std::size_t>(end - first) / kPageBytes * kPageBytes;
    if (pages == Pages::small) madvise(first, whole, MADV_NOHUGEPAGE);
    if (whole > 0 && madvise(first, whole, MADV_DONTNEED) == 0) {
      std::memset(begin, 0, static_cast<std::size_t>(first - begin));
      begin = first + whole;
    }
  }
#endif
  std::memset(begin, 0, static_cast<std::size_t>(end - begin));
}

}  // namespace repro::train
