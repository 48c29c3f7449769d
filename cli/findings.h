// Printing what checks found, for `fsck` and `verify`.
#pragma once

#include <string>
#include <vector>

#include "artifacts/base/printable.h"
#include "cli/io.h"
#include "verify/finding.h"

namespace repro::cli {

// Each with its file and what refers to it; JSON objects of type "finding".
void print_findings(Io& io, const std::vector<verify::Finding>& findings);

// A heading and the sentences below it, for people; nothing where there are none.
void print_sentences(Io& io, const std::string& heading, const std::vector<std::string>& sentences);

// How many there are of each weight: {"corruption": 1, "mismatch": 0, "warning": 0, "note": 2}.
Json count_findings(const std::vector<verify::Finding>& findings);

}  // namespace repro::cli
