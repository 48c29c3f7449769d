#include "cli/findings.h"

#include <array>
#include <nlohmann/json.hpp>

namespace repro::cli {
namespace {

// Length of the UTF-8 character at the beginning of `bytes`, 0 where there is none (RFC 3629).
std::size_t character_length(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool no_character = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || no_character ? 0 : length;
}

Paint paint_of(verify::Severity severity) {
  switch (severity) {
    case verify::Severity::note:
      return Paint::dim;
    case verify::Severity::warning:
      return Paint::warn;
    default:
      return Paint::bad;
  }
}

}  // namespace

std::string printable(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = character_length(bytes);
    if (length != 0) {
      text += bytes.substr(0, length);
    } else {
      const auto byte = static_cast<unsigned char>(bytes.front());
      text += "\\x";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

void print_findings(Io& io, const std::vector<verify::Finding>& findings) {
  for (const verify::Finding& finding : findings) {
    const std::string severity(verify::severity_name(finding.severity));
    io.line(io.paint(paint_of(finding.severity), severity) + ": " + printable(finding.path));
    io.line("  " + printable(finding.message));
    for (const std::string& referrer : finding.referrers) {
      io.line("  referred to by: " + printable(referrer));
    }
    Json referrers = Json::array();
    for (const std::string& referrer : finding.referrers) referrers.push_back(printable(referrer));
    io.emit("finding", {{"severity", severity},
                        {"kind", finding.kind},
                        {"path", printable(finding.path)},
                        {"object", finding.object},
                        {"referrers", std::move(referrers)},
                        {"message", printable(finding.message)}});
  }
}

Json count_findings(const std::vector<verify::Finding>& findings) {
  std::array<int, 4> counts{};
  for (const auto& finding : findings) ++counts.at(static_cast<std::size_t>(finding.severity));
  Json json = Json::object();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    json[std::string(verify::severity_name(static_cast<verify::Severity>(i)))] = counts[i];
  }
  return json;
}

}  // namespace repro::cli
