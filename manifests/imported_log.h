// Manifest of another trainer's log, schema "repro.imported-log/1": the file as it was given and
// the records that were read out of it. A ref of kind "logs" names it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "artifacts/base/digest.h"

namespace repro::manifests {

struct ImportedLog {
  std::string format;            // "csv", "jsonl", "tensorboard"
  Digest file;                   // object: the log, byte for byte
  std::int64_t size = 0;         // of the file
  Digest records;                // object: manifests/record.h
  std::int64_t points = 0;       // values in the records
  std::int64_t replaced = 0;     // values of steps that were logged again later
  std::int64_t not_finite = 0;   // of the points
  std::int64_t num_ignored = 0;  // names without numbers

  bool operator==(const ImportedLog&) const = default;
};

// Error(invalid_argument) for what `parse_imported_log` would refuse.
std::string encode_imported_log(const ImportedLog& log);
// Strict. Error(corruption).
ImportedLog parse_imported_log(std::string_view json, std::string_view what);

}  // namespace repro::manifests
