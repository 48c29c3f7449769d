#include "artifacts/tensor/convert.h"

#include <cstring>

#include "artifacts/base/error.h"

namespace repro::artifacts {
namespace {

constexpr std::uint32_t kSign = 0x80000000U;
constexpr std::uint32_t kInfinity = 0x7F800000U;

template <class Word>
Word load(const std::byte* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

std::uint32_t widen_bfloat16(std::uint16_t bits) { return std::uint32_t{bits} << 16; }

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
std::uint32_t widen_float16(std::uint16_t bits) {
  const std::uint32_t sign = (std::uint32_t{bits} << 16) & kSign;
  std::uint32_t exponent = (bits >> 10) & 0x1FU;
  std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0x1F) return sign | kInfinity | (fraction << 13);
  if (exponent == 0) {
    if (fraction == 0) return sign;
    exponent = 1;  // subnormal: shift until the leading bit is the hidden one
    while ((fraction & 0x400U) == 0) {
      fraction <<= 1;
      --exponent;  // wraps below 0; the bias added below brings it back
    }
    fraction &= 0x3FFU;
  }
  return sign | ((exponent + (127 - 15)) << 23) | (fraction << 13);
}

template <class Widen>
std::span<const std::byte> widen(std::span<const std::byte> from, std::vector<std::byte>& scratch,
                                 const Widen& to_float32) {
  REPRO_CHECK(from.size() % sizeof(std::uint16_t) == 0);
  scratch.resize(2 * from.size());
  for (std::size_t i = 0; i < from.size(); i += sizeof(std::uint16_t)) {
    const std::uint32_t bits = to_float32(load<std::uint16_t>(from.data() + i));
    std::memcpy(scratch.data() + 2 * i, &bits, sizeof bits);
  }
  return scratch;
}

std::uint16_t nearest_bfloat16(std::uint32_t bits) {
  constexpr std::uint32_t kQuiet = 0x00400000U;  // the part that stays must not read as infinity
  if ((bits & ~kSign) > kInfinity) {
    const bool stays = (bits & 0xFFFFU) == 0;
    return static_cast<std::uint16_t>((stays ? bits : bits | kQuiet) >> 16);
  }
  const std::uint32_t half = 0x7FFFU + ((bits >> 16) & 1U);
  return static_cast<std::uint16_t>((bits + half) >> 16);
}

}  // namespace

bool is_weight_dtype(std::string_view dtype) {
  return dtype == "float32" || dtype == "bfloat16" || dtype == "float16";
}

std::span<const std::byte> widen_to_float32(std::string_view dtype, std::span<const std::byte> from,
                                            std::vector<std::byte>& scratch) {
  REPRO_CHECK(is_weight_dtype(dtype));
  if (dtype == "bfloat16") return widen(from, scratch, widen_bfloat16);
  if (dtype == "float16") return widen(from, scratch, widen_float16);
  return from;
}

std::uint64_t round_to_bfloat16(std::span<const std::byte> from, std::vector<std::byte>& into) {
  REPRO_CHECK(from.size() % sizeof(std::uint32_t) == 0);
  std::uint64_t changed = 0;
  std::size_t at = into.size();
  into.resize(at + from.size() / 2);
  for (std::size_t i = 0; i < from.size(); i += sizeof(std::uint32_t)) {
    const auto bits = load<std::uint32_t>(from.data() + i);
    const std::uint16_t rounded = nearest_bfloat16(bits);
    changed += widen_bfloat16(rounded) != bits ? 1 : 0;
    std::memcpy(into.data() + at, &rounded, sizeof rounded);
    at += sizeof rounded;
  }
  return changed;
}

}  // namespace repro::artifacts
