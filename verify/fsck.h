// Checks a whole store: every file of it, whether or not something refers to it.
//
// Covered: the format file; every object's name, trailer and both digests; foreign files in
// objects/; every ref and the kind of manifest it points to; for all that refs reach: presence of
// each object, agreement of manifests with each other, and that log and telemetry are sound chains
// with the head and length the run manifest claims; the working tails of runs; unknown files
// anywhere. Not covered: whether tensors have the Merkle roots that their manifests claim (`verify`
// does that), and the catalogue, which is a cache: whatever it holds, it changes no verdict.
//
// Reads only; safe beside a training that goes on. Memory: the largest log plus one line per
// reference.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "artifacts/store/store.h"
#include "verify/finding.h"

namespace repro::verify {

struct FsckReport {
  std::vector<Finding> findings;  // sorted; empty or notes only: the store is sound
  std::uint64_t num_objects = 0;
  std::uint64_t object_bytes = 0;  // as stored
  std::uint64_t num_refs = 0;
  std::uint64_t num_runs = 0;
};

// Called now and then with bytes of object files read and to be read. May be empty.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

FsckReport check_store(const artifacts::Store& store, const Progress& progress = {});

}  // namespace repro::verify
