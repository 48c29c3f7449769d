#include "cli/findings.h"

#include <array>
#include <nlohmann/json.hpp>

namespace repro::cli {
namespace {

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

void print_sentences(Io& io, const std::string& heading,
                     const std::vector<std::string>& sentences) {
  if (sentences.empty()) return;
  io.line(heading);
  for (const std::string& sentence : sentences) io.line("  " + printable(sentence));
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
