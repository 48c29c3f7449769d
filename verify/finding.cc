#include "verify/finding.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace repro::verify {

std::string_view severity_name(Severity severity) {
  constexpr std::array<std::string_view, 4> kNames = {"note", "warning", "mismatch", "corruption"};
  return kNames.at(static_cast<std::size_t>(severity));
}

void sort_findings(std::vector<Finding>& findings) {
  std::sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(b.severity, a.path, a.message, a.kind, a.object, a.referrers) <
           std::tie(a.severity, b.path, b.message, b.kind, b.object, b.referrers);
  });
  findings.erase(std::unique(findings.begin(), findings.end()), findings.end());
}

Finding finding_of(const Error& error, std::string kind, std::string path) {
  Severity severity = Severity::corruption;
  switch (error.code()) {
    case Code::mismatch:
      severity = Severity::mismatch;
      break;
    case Code::corruption:
    case Code::not_found:
    case Code::io:
    case Code::unsupported:
    case Code::invalid_argument:
      break;
    default:
      throw error;
  }
  return {severity, std::move(kind), std::move(path), "", {}, error.what()};
}

int exit_status(const std::vector<Finding>& findings) {
  Severity worst = Severity::note;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  if (worst == Severity::corruption) return exit_code(Code::corruption);
  return worst == Severity::mismatch ? exit_code(Code::mismatch) : 0;
}

}  // namespace repro::verify
