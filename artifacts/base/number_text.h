// Text of numbers that are hashed: locale-free, shortest, round-trip exact.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace repro {

// Shortest decimal that reads back to the same bits ("0.0003", "1e-08").
std::string decimal_text(double value);
std::string decimal_text(float value);
// C99 hex float with the shortest mantissa ("0x1.8p+3"); "0x0p+0" for zero; "nan", "inf", "-inf".
std::string hex_float_text(double value);
// The whole text as a binary64 (decimal or hex float), else nullopt. No locale, no white space.
std::optional<double> find_number(std::string_view text);
std::optional<std::int64_t> find_integer(std::string_view text);

}  // namespace repro
