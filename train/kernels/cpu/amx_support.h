// Whether this process may use AMX-INT8 tiles.
#pragma once

namespace repro::train {

// The CPU has them, the system keeps their state, and it permitted this process to use them (Linux
// grants that on request, once for all threads). Asks once. False on other architectures.
bool has_amx_int8();

}  // namespace repro::train
