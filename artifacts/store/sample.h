// Which bytes of an object decide whether it is compressed: its beginning and a piece of its
// middle. Text compresses in both, float tensors and compressed files in neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace repro::artifacts {

inline constexpr std::size_t kSamplePieceBytes = 65536;

// Where the second piece begins; the first begins at 0. The whole object where it is short.
constexpr std::uint64_t sample_middle(std::uint64_t size) {
  return size <= 2 * kSamplePieceBytes ? kSamplePieceBytes : size / 2;
}

inline std::vector<std::byte> sample_of(std::span<const std::byte> bytes) {
  const auto piece = [&](std::size_t begin) {
    const std::size_t from = begin < bytes.size() ? begin : bytes.size();
    const std::size_t left = bytes.size() - from;
    return bytes.subspan(from, left < kSamplePieceBytes ? left : kSamplePieceBytes);
  };
  const auto head = piece(0);
  const auto middle = piece(sample_middle(bytes.size()));
  std::vector<std::byte> sample(head.begin(), head.end());
  sample.insert(sample.end(), middle.begin(), middle.end());
  return sample;
}

}  // namespace repro::artifacts
