// The floating-point environment of a thread. Every result of exact/1 supposes the default one:
// round to nearest, subnormals kept (docs/determinism.md, "Hazards"). Libraries change it behind a
// program's back, at any time and in one thread only.
#pragma once

#include <string>

namespace repro::train {

// What differs from the default in the calling thread, "" where nothing does: "flush-to-zero",
// "denormals-are-zero", "rounding mode", joined by ", ". Reads the control register: a few cycles.
std::string float_environment_faults();

// Whether that is empty; allocates nothing.
bool float_environment_is_default();

// Throws Error(environment) that names the faults and the thread. Also tries whether subnormals
// are in fact kept.
void check_float_environment(int thread);

}  // namespace repro::train
