// Between float32 and the 16-bit formats in which weights are published. Every bfloat16 and float16
// number is a float32, so widening loses nothing. Bits alone are moved: rounding modes, flushed
// subnormals and the like of the machine change nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace repro::artifacts {

// Whether `widen_to_float32` takes it: "float32", "bfloat16", "float16".
bool is_weight_dtype(std::string_view dtype);

// The little-endian float32 bytes of the same numbers: `from` itself for float32, else `scratch`
// filled. A NaN of bfloat16 keeps its bits. `dtype` as above; `from` holds whole elements.
std::span<const std::byte> widen_to_float32(std::string_view dtype, std::span<const std::byte> from,
                                            std::vector<std::byte>& scratch);

// Appends the bfloat16 nearest to each float32 (ties to even; a NaN stays one). Returns how many
// numbers are no longer the same.
std::uint64_t round_to_bfloat16(std::span<const std::byte> from, std::vector<std::byte>& into);

}  // namespace repro::artifacts
