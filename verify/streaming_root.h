// The Merkle root of a tensor whose bytes arrive in pieces of any size.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/merkle.h"

namespace repro::verify {

class StreamingRoot {
 public:
  void update(std::span<const std::byte> piece);
  // The root of everything so far; the object is spent.
  Digest finish();

 private:
  std::vector<std::byte> partial_;  // less than one chunk
  std::vector<Digest> leaves_;
};

}  // namespace repro::verify
