// Distance between two tensors of one dtype, element by element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace repro::verify {

// Elements differ when their bits differ, so +0 and -0 differ (by 0 ULP) and so do two NaN
// payloads.
struct ElementDifference {
  std::uint64_t num_elements = 0;
  std::uint64_t num_different = 0;
  std::optional<std::uint64_t> first_index;  // flat, row-major
  std::string first_a;                       // shortest decimal that reads back to the bits
  std::string first_b;
  double max_absolute = 0;           // over pairs of finite numbers
  std::uint64_t max_ulp = 0;         // steps between representable values, over the same pairs
  std::uint64_t num_not_finite = 0;  // different pairs with a NaN or an infinity
};

// Takes two byte streams in equal pieces that cut no element. Known dtypes: float16, bfloat16,
// float32, float64, int8..int64, uint8..uint64, bool; others are compared as bytes.
class ElementComparer {
 public:
  explicit ElementComparer(const std::string& dtype);
  ~ElementComparer();
  void update(std::span<const std::byte> a, std::span<const std::byte> b);
  const ElementDifference& result() const { return result_; }

 private:
  struct Codec;
  std::unique_ptr<const Codec> codec_;
  ElementDifference result_;
};

}  // namespace repro::verify
