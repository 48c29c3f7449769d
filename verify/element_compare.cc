#include "verify/element_compare.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"

namespace repro::verify {
namespace {

// How a dtype's bits are laid out.
enum class Family : std::uint8_t { floating, signed_integer, unsigned_integer };

struct Layout {
  std::string_view dtype;
  Family family = Family::unsigned_integer;
  int bytes = 1;
  int mantissa_bits = 0;  // of floating dtypes
};

constexpr std::array<Layout, 13> kLayouts = {{
    {"float64", Family::floating, 8, 52},
    {"float32", Family::floating, 4, 23},
    {"float16", Family::floating, 2, 10},
    {"bfloat16", Family::floating, 2, 7},
    {"int64", Family::signed_integer, 8, 0},
    {"int32", Family::signed_integer, 4, 0},
    {"int16", Family::signed_integer, 2, 0},
    {"int8", Family::signed_integer, 1, 0},
    {"uint64", Family::unsigned_integer, 8, 0},
    {"uint32", Family::unsigned_integer, 4, 0},
    {"uint16", Family::unsigned_integer, 2, 0},
    {"uint8", Family::unsigned_integer, 1, 0},
    {"bool", Family::unsigned_integer, 1, 0},
}};

std::uint64_t load(const std::byte* bytes, int count) {
  std::uint64_t bits = 0;
  for (int i = 0; i < count; ++i) {
    bits |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  }
  return bits;
}

double decode_half(std::uint64_t bits) {
  const bool negative = (bits & 0x8000) != 0;
  const int exponent = static_cast<int>((bits >> 10) & 0x1f);
  const auto mantissa = static_cast<double>(bits & 0x3ff);
  double value = 0;
  if (exponent == 0x1f) {
    value = mantissa == 0 ? HUGE_VAL : std::nan("");
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return negative ? -value : value;
}

}  // namespace

struct ElementComparer::Codec {
  Layout layout;

  double decode(std::uint64_t bits) const {
    if (layout.bytes == 8) return std::bit_cast<double>(bits);
    if (layout.bytes == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (layout.mantissa_bits == 10) return decode_half(bits);
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits << 16));
  }

  // Integers in the order of the values, one step per representable value; both zeros are one step.
  std::int64_t rank(std::uint64_t bits) const {
    const int width = 8 * layout.bytes;
    if (layout.family == Family::floating) {
      const std::uint64_t sign = std::uint64_t{1} << (width - 1);
      const auto magnitude = static_cast<std::int64_t>(bits & (sign - 1));
      return (bits & sign) != 0 ? -magnitude : magnitude;
    }
    if (layout.family == Family::signed_integer && width < 64 && (bits >> (width - 1)) != 0) {
      return static_cast<std::int64_t>(bits) - (std::int64_t{1} << width);
    }
    return static_cast<std::int64_t>(bits);
  }

  std::uint64_t distance(std::uint64_t a, std::uint64_t b) const {
    if (layout.family == Family::unsigned_integer) return a > b ? a - b : b - a;
    const std::int64_t left = rank(a);
    const std::int64_t right = rank(b);
    const auto difference = static_cast<std::uint64_t>(left) - static_cast<std::uint64_t>(right);
    return left > right ? difference : std::uint64_t{0} - difference;
  }

  std::string text(std::uint64_t bits) const {
    if (layout.family == Family::unsigned_integer) return std::to_string(bits);
    if (layout.family == Family::signed_integer) return std::to_string(rank(bits));
    if (layout.bytes == 8) return decimal_text(decode(bits));
    return decimal_text(static_cast<float>(decode(bits)));  // exact for 16 and 32 bits
  }
};

ElementComparer::ElementComparer(const std::string& dtype) {
  const auto* found = std::find_if(kLayouts.begin(), kLayouts.end(),
                                   [&](const Layout& layout) { return layout.dtype == dtype; });
  const Layout bytes{"uint8", Family::unsigned_integer, 1, 0};
  codec_ = std::make_unique<const Codec>(Codec{found == kLayouts.end() ? bytes : *found});
}

ElementComparer::~ElementComparer() = default;

void ElementComparer::update(std::span<const std::byte> a, std::span<const std::byte> b) {
  const int width = codec_->layout.bytes;
  const auto size = static_cast<std::size_t>(width);
  REPRO_CHECK(a.size() == b.size());
  const std::size_t count = a.size() / size;
  const std::uint64_t base = result_.num_elements;
  result_.num_elements += count;
  if (count == 0 || std::memcmp(a.data(), b.data(), a.size()) == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t left = load(a.data() + i * size, width);
    const std::uint64_t right = load(b.data() + i * size, width);
    if (left == right) continue;
    ++result_.num_different;
    if (!result_.first_index) {
      result_.first_index = base + i;
      result_.first_a = codec_->text(left);
      result_.first_b = codec_->text(right);
    }
    double absolute = 0;
    if (codec_->layout.family == Family::floating) {
      const double x = codec_->decode(left);
      const double y = codec_->decode(right);
      if (!std::isfinite(x) || !std::isfinite(y)) {
        ++result_.num_not_finite;
        continue;
      }
      absolute = std::fabs(x - y);
    } else {
      absolute = static_cast<double>(codec_->distance(left, right));
    }
    result_.max_absolute = std::max(result_.max_absolute, absolute);
    result_.max_ulp = std::max(result_.max_ulp, codec_->distance(left, right));
  }
}

}  // namespace repro::verify
