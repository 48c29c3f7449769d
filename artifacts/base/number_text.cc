#include "artifacts/base/number_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace repro {
namespace {

template <class T, class... Format>
std::string to_text(T value, Format... format) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format...);
  return std::string(buffer.data(), result.ptr);
}

}  // namespace

std::string decimal_text(double value) { return to_text(value); }
std::string decimal_text(float value) { return to_text(value); }

std::string hex_float_text(double value) {
  if (!std::isfinite(value)) return to_text(value);
  const std::string sign = std::signbit(value) ? "-" : "";
  return sign + "0x" + to_text(std::fabs(value), std::chars_format::hex);
}

std::optional<double> find_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view body = negative ? text.substr(1) : text;
  auto format = std::chars_format::general;
  if (body.starts_with("0x")) {
    body.remove_prefix(2);
    format = std::chars_format::hex;
  }
  if (body.empty() || body.front() == '-') return std::nullopt;
  double value = 0;
  const auto result = std::from_chars(body.data(), body.data() + body.size(), value, format);
  if (result.ec != std::errc() || result.ptr != body.data() + body.size()) return std::nullopt;
  return negative ? -value : value;
}

std::optional<std::int64_t> find_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace repro
