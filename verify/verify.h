// Deep verification of one thing, by bytes: what it refers to is there and sound, manifests agree,
// tensors have the Merkle roots that manifests and log claim. Executes nothing (verify/replay.h
// plans that).
//
// A verdict says what it covers. Without a signature nothing here is more than *consistent*:
// whoever can write the files can make others that agree with each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "artifacts/store/store.h"
#include "verify/finding.h"
#include "verify/fsck.h"

namespace repro::verify {

struct Verification {
  std::vector<Finding> findings;     // sorted; notes only: everything checked holds
  std::vector<std::string> checked;  // sentences for people, in order
  std::vector<std::string> not_checked;
  std::uint64_t num_objects = 0;
  std::uint64_t num_bytes = 0;    // raw bytes hashed
  std::uint64_t num_tensors = 0;  // whose roots were recomputed
  bool complete = true;           // false: only part could be checked (verdict *partial*, exit 5)
};
// 4, 1, 5 (not complete) or 0.
int exit_status(const Verification& verification);

struct VerifyOptions {
  std::string tensor;  // only the tensor of this name; "" for all
  Progress progress;   // bytes done and to be done; may be empty
};

// A run, state or dataset manifest, or any object. Error(not_found) where the store has no such
// object.
Verification verify_object(const artifacts::Store& store, const Digest& digest,
                           const VerifyOptions& options);
// fsck, then every run and dataset of it.
Verification verify_store(const artifacts::Store& store, const VerifyOptions& options);
// A folder with a state manifest (kStateFile, as `checkout` writes it) beside tensor files.
// Error(not_found) where the manifest is missing.
Verification verify_folder(FileSystem& files, const std::string& folder,
                           const VerifyOptions& options);

// The state manifest in a checked-out folder.
inline constexpr std::string_view kStateFile = "repro-state.json";

}  // namespace repro::verify
