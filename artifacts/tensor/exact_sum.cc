#include "artifacts/tensor/exact_sum.h"

#include <bit>
#include <cmath>
#include <cstddef>

namespace repro::artifacts {
namespace {

using Limbs = std::array<std::uint64_t, 5>;

constexpr int kLimbBits = 64;
constexpr int kMantissaBits = 24;  // with the leading one
constexpr int kUnit = -149;        // exponent of the smallest subnormal

void negate(Limbs& limbs) {
  bool carry = true;
  for (std::uint64_t& limb : limbs) {
    limb = ~limb + (carry ? 1 : 0);
    carry = carry && limb == 0;
  }
}

void add(Limbs& sum, const Limbs& part) {
  unsigned __int128 carry = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    carry += static_cast<unsigned __int128>(sum[i]) + part[i];
    sum[i] = static_cast<std::uint64_t>(carry);
    carry >>= kLimbBits;
  }
}

// Leaves the quotient in `limbs`; returns the remainder.
std::uint64_t divide(Limbs& limbs, std::uint64_t count) {
  unsigned __int128 rest = 0;
  for (std::size_t i = limbs.size(); i-- > 0;) {
    rest = (rest << kLimbBits) | limbs[i];
    limbs[i] = static_cast<std::uint64_t>(rest / count);
    rest %= count;
  }
  return static_cast<std::uint64_t>(rest);
}

int bit_length(const Limbs& limbs) {
  for (std::size_t i = limbs.size(); i-- > 0;) {
    if (limbs[i] == 0) continue;
    return static_cast<int>(i) * kLimbBits + kLimbBits - std::countl_zero(limbs[i]);
  }
  return 0;
}

bool bit_at(const Limbs& limbs, int index) {
  return ((limbs[static_cast<std::size_t>(index / kLimbBits)] >> (index % kLimbBits)) & 1) != 0;
}

bool any_below(const Limbs& limbs, int index) {
  for (int i = 0; i < index; ++i) {
    if (bit_at(limbs, i)) return true;
  }
  return false;
}

// The 24 bits from bit `low` on.
std::uint32_t bits_from(const Limbs& limbs, int low) {
  std::uint32_t value = 0;
  for (int i = kMantissaBits; i-- > 0;) value = (value << 1) | (bit_at(limbs, low + i) ? 1 : 0);
  return value;
}

}  // namespace

void ExactSum::add(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t exponent = (bits >> 23) & 0xFF;
  const std::uint64_t mantissa = (bits & 0x7FFFFF) | (exponent == 0 ? 0 : 0x800000);
  const int shift = exponent == 0 ? 0 : static_cast<int>(exponent) - 1;
  const auto limb = static_cast<std::size_t>(shift / kLimbBits);
  const unsigned __int128 shifted = static_cast<unsigned __int128>(mantissa) << (shift % kLimbBits);
  Limbs part{};
  part[limb] = static_cast<std::uint64_t>(shifted);
  part[limb + 1] = static_cast<std::uint64_t>(shifted >> kLimbBits);
  if (std::signbit(value)) negate(part);
  artifacts::add(limbs_, part);
}

float ExactSum::over(std::uint64_t count) const {
  Limbs quotient = limbs_;
  const bool negative = (quotient.back() >> (kLimbBits - 1)) != 0;
  if (negative) negate(quotient);
  const std::uint64_t rest = divide(quotient, count);
  const int dropped = bit_length(quotient) - kMantissaBits;
  std::uint64_t kept = 0;
  bool up = false;
  if (dropped <= 0) {  // the unit of the result is that of the sum
    kept = quotient[0];
    up = rest > count - rest || (rest == count - rest && (kept & 1) != 0);
  } else {
    kept = bits_from(quotient, dropped);
    const bool more = rest != 0 || any_below(quotient, dropped - 1);
    up = bit_at(quotient, dropped - 1) && (more || (kept & 1) != 0);
  }
  const auto magnitude = static_cast<float>(kept + (up ? 1 : 0));
  const float result = std::ldexp(magnitude, kUnit + (dropped > 0 ? dropped : 0));
  return negative ? -result : result;
}

}  // namespace repro::artifacts
