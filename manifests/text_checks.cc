#include "manifests/text_checks.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace repro::manifests {
namespace {

constexpr std::size_t kMaxPathBytes = 4096;
constexpr std::size_t kMaxTensorNameBytes = 512;

bool is_utf8(std::string_view text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

// C0, DEL, and C1 (in UTF-8: 0xC2 0x80..0x9F): what can drive a terminal.
bool has_controls(std::string_view text, std::string_view allowed) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control = byte < 0x20 || byte == 0x7F;
    if (control && allowed.find(text[i]) == std::string_view::npos) return true;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

bool is_text(std::string_view text, std::size_t max_bytes, std::string_view allowed_controls) {
  if (text.size() > max_bytes || has_controls(text, allowed_controls)) return false;
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<signed char>(c) >= 0; });
  return ascii || is_utf8(text);
}

}  // namespace

bool is_plain_text(std::string_view text, std::size_t max_bytes) {
  return is_text(text, max_bytes, "");
}

bool is_note_text(std::string_view text, std::size_t max_bytes) {
  return is_text(text, max_bytes, "\n\r\t");
}

bool is_safe_path(std::string_view path) {
  if (path.empty() || !is_plain_text(path, kMaxPathBytes)) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

bool is_tensor_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '/' || c == '-';
  };
  return name.size() <= kMaxTensorNameBytes && std::all_of(name.begin(), name.end(), is_allowed) &&
         is_safe_path(name);
}

bool is_hex(std::string_view text, std::size_t min_digits, std::size_t max_digits) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() >= min_digits && text.size() <= max_digits &&
         std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace repro::manifests
