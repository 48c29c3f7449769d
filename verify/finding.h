// What a check found, and how bad it is. Checks that look for trouble return findings instead of
// throwing: finding corruption is success of the search.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"

namespace repro::verify {

// Ordered by weight. Only `mismatch` and `corruption` change an exit code.
enum class Severity : std::uint8_t {
  note,        // worth knowing, nothing wrong: a torn line of a run that was killed
  warning,     // does not belong here, harms nothing: an unknown file
  mismatch,    // sound bytes that make a false claim: exit 1
  corruption,  // bytes that are not what their name says, or are not there: exit 4
};
std::string_view severity_name(Severity severity);

struct Finding {
  Severity severity = Severity::note;
  std::string kind;                    // "object", "ref", "log", "tail", "format", ...
  std::string path;                    // the file, as a path that can be opened
  std::string object;                  // hex digest, "" where it is not about an object
  std::vector<std::string> referrers;  // "tensor lm_head.weight of state 1f... of run 3c..."
  std::string message;

  auto operator<=>(const Finding&) const = default;
};

// Worst first, then by path and message, without duplicates.
void sort_findings(std::vector<Finding>& findings);

// The finding that stands for a caught error. Environment and usage errors are not findings: those
// (anything but corruption, mismatch, not_found, io, unsupported, invalid_argument) are thrown on.
Finding finding_of(const Error& error, std::string kind, std::string path);

// 0, 1 or 4 as of the worst finding.
int exit_status(const std::vector<Finding>& findings);

}  // namespace repro::verify
