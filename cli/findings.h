// Printing what checks found, for `fsck` and `verify`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/io.h"
#include "verify/finding.h"

namespace repro::cli {

// Text from a file name or a file, as it may stand in JSON: bytes that are no UTF-8 become "\xHH".
std::string printable(std::string_view bytes);

// Each with its file and what refers to it; JSON objects of type "finding".
void print_findings(Io& io, const std::vector<verify::Finding>& findings);

// How many there are of each weight: {"corruption": 1, "mismatch": 0, "warning": 0, "note": 2}.
Json count_findings(const std::vector<verify::Finding>& findings);

}  // namespace repro::cli
