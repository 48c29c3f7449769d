// The order of instances that the old trainer wrote beside a run, train_data/global_indices.npy:
// uint32, little-endian, without a header (docs/order.md). What can be said of it without making
// the order, which the worker does (docs/worker.md, `indices`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "verify/finding.h"
#include "verify/olmo_run.h"

namespace repro::verify {

// Whose order is made. Which number of instances it is of is found by trying: a batch squared.
inline constexpr std::int64_t kMaxOrderBatch = 4096;

// A sound file, and what its run's configuration says that it is: the first `length` places of the
// shuffled order of N instances, where N lies in [least, most]. The trainer dropped what was left
// behind a multiple of the number of processes, which is at most a batch.
struct OlmoIndices {
  std::string path;
  std::int64_t length = 0;
  std::int64_t seed = 0;
  std::int64_t epoch = 0;
  std::int64_t least = 0;  // the largest index + 1
  std::int64_t most = 0;
};

// Of a run's folder: the path of its file, or "" where there is none. Symlinks are not followed.
std::string find_olmo_indices(FileSystem& files, const std::string& folder);

// Every index is there once at most, and none points outside. nullopt where something is found: a
// size that is no multiple of 4 (corruption), an index that is outside or stands twice (mismatch,
// the first of them, with its place). Memory: a bit an instance.
std::optional<OlmoIndices> read_olmo_indices(FileSystem& files, const std::string& path,
                                             const OlmoRun& run, std::vector<Finding>& findings);

}  // namespace repro::verify
