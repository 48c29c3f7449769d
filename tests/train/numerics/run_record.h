// The records of slow runs, kept in docs/results.
#pragma once

#include <nlohmann/json.hpp>

namespace repro::train {

// Writes `record`, with "date" (UTC) and "machine" added, to the file that the environment variable
// REPRO_WRITE_RESULTS names; false, and nothing written, where it names none. A file that cannot be
// written fails the test.
bool write_record(nlohmann::json record);

}  // namespace repro::train
