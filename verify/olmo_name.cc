#include "verify/olmo_name.h"

#include <algorithm>

#include "artifacts/base/number_text.h"

namespace repro::verify {
namespace {

constexpr std::int64_t kMaxNumber = std::int64_t{1} << 48;

// Takes WORD and a number, and the '-' behind them, from the beginning of `text`.
std::optional<std::int64_t> take_number(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return std::nullopt;
  const std::string_view part = text.substr(0, text.find('-')).substr(word.size());
  const bool digits = !part.empty() && part.find_first_not_of("0123456789") == part.npos &&
                      (part.size() == 1 || part.front() != '0');
  const auto number = digits ? find_integer(part) : std::nullopt;
  if (!number || *number > kMaxNumber) return std::nullopt;
  text.remove_prefix(word.size() + part.size());
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    if (text.empty()) text = "-";  // "step1-" is no name
  }
  return number;
}

}  // namespace

std::optional<OlmoName> find_olmo_name(std::string_view name) {
  OlmoName result;
  result.stage = take_number(name, "stage").value_or(0);
  if (result.stage != 0) result.ingredient = take_number(name, "ingredient").value_or(0);
  const auto step = take_number(name, "step");
  if (!step) return std::nullopt;
  result.step = *step;
  if (name.empty()) return result;
  if (name == "unsharded") return result.stage == 0 ? std::optional(result) : std::nullopt;
  if (!name.ends_with('B')) return std::nullopt;
  name.remove_suffix(1);
  result.billions = take_number(name, "tokens");
  return result.billions && name.empty() ? std::optional(result) : std::nullopt;
}

std::optional<std::int64_t> billions_of_tokens(std::int64_t step, std::int64_t tokens_per_step) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  std::int64_t tokens = 0;
  if (__builtin_mul_overflow(step, tokens_per_step, &tokens)) return std::nullopt;
  return tokens / kBillion + (tokens % kBillion == 0 ? 0 : 1);
}

std::string plain_location(std::string_view location) {
  const auto scheme = location.find("://");
  if (scheme != std::string_view::npos) location.remove_prefix(scheme + 3);
  std::string plain;
  while (!location.empty()) {
    const std::string_view part = location.substr(0, location.find('/'));
    location.remove_prefix(std::min(part.size() + 1, location.size()));
    if (part.empty() || part == ".") continue;
    if (!plain.empty()) plain += '/';
    plain += part;
  }
  return plain;
}

}  // namespace repro::verify
