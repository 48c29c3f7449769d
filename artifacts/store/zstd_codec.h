// Streaming zstd (RFC 8878): one frame in, one frame out, memory bounded by the window. The name of
// an object never depends on the coded bytes, so another zstd version may code the same object
// differently. Thread rules: an object belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace repro::artifacts {

using ByteSink = std::function<void(std::span<const std::byte>)>;

// Whether zstd makes these sample bytes at least a tenth shorter.
bool is_compressible(std::span<const std::byte> sample);

class ZstdEncoder {
 public:
  // `threads` above 1 code a long frame together, each with some 20 MiB of memory.
  explicit ZstdEncoder(int threads);
  void update(std::span<const std::byte> bytes, const ByteSink& sink);
  // Ends the frame.
  void finish(const ByteSink& sink);

 private:
  struct Free {
    void operator()(void* context) const;
  };
  void run(std::span<const std::byte> bytes, bool last, const ByteSink& sink);

  std::unique_ptr<void, Free> context_;
  std::vector<std::byte> buffer_;
};

class ZstdDecoder {
 public:
  // `raw_bytes`: how much is expected, for the size of the buffer (1 MiB at most).
  explicit ZstdDecoder(std::uint64_t raw_bytes);
  // Hands decoded bytes to `sink`; false where the bytes are no zstd frame, go on after its end, or
  // need a window above 8 MiB.
  [[nodiscard]] bool update(std::span<const std::byte> bytes, const ByteSink& sink);
  // Whether the frame is complete.
  bool finished() const { return finished_; }

 private:
  struct Free {
    void operator()(void* context) const;
  };

  std::unique_ptr<void, Free> context_;
  std::vector<std::byte> buffer_;
  bool finished_ = false;
};

}  // namespace repro::artifacts
