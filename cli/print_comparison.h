// A comparison as text for people and JSON for programs.
#pragma once

#include "cli/io.h"
#include "verify/compare.h"

namespace repro::cli {

// Prints all that differs, then the verdict; returns the exit code, 0 or 1.
int print_comparison(Io& io, const verify::Comparison& comparison);

}  // namespace repro::cli
