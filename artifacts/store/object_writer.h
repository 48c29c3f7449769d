// Writes an object's file: raw bytes go in, payload and trailer come out.
// Thread rules: belongs to one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "artifacts/store/object_file.h"
#include "artifacts/store/zstd_codec.h"

namespace repro::artifacts {

class ObjectWriter {
 public:
  // `codec` raw or zstd, the latter on `threads` threads. `known`: the digest of the bytes to come,
  // where it is known already, so that they are not hashed again. Borrows `file`, which must be
  // empty.
  ObjectWriter(File& file, Codec codec, int threads, std::optional<Digest> known = std::nullopt);
  void add(std::span<const std::byte> bytes);
  // Ends the payload and writes the trailer.
  ObjectTrailer finish();

 private:
  void write_coded(std::span<const std::byte> bytes);

  File& file_;
  ObjectTrailer trailer_;
  std::optional<Digest> known_;
  Sha256 raw_;
  Sha256 stored_;
  std::optional<ZstdEncoder> encoder_;
};

}  // namespace repro::artifacts
