// What differs between two runs, states, configurations, datasets or folders.
//
// The verdict is about what a derivation decides: running keys, names, code and telemetry are
// listed but never make two things different. Runs are compared by manifests and logs alone
// (milliseconds); tensors are read only by `compare_states` and `compare_paths`, in bounded memory.
// Errors: those of the store (a damaged object is Error(corruption), never a difference).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "artifacts/base/file_system.h"
#include "artifacts/store/store.h"
#include "logs/spikes.h"
#include "manifests/config.h"
#include "manifests/dataset.h"
#include "manifests/run.h"
#include "manifests/state.h"
#include "verify/element_compare.h"

namespace repro::verify {

struct Difference {
  // "deciding", "running", "label", "note", "not computed", "operator", "dataset", "code", "log",
  // "segment", "state", "added", "removed", "changed"
  std::string section;
  std::string name;  // key, step, tensor or file
  std::string a;     // "" where absent
  std::string b;
};

// A step as both logs tell it.
struct StepPair {
  std::int64_t step = 0;
  std::vector<std::string> fields;  // keys of the log line that differ; empty where none does
  std::string loss_a;
  std::string loss_b;
  std::string root_a;  // state root, or model root, or "" where it was not logged
  std::string root_b;
};

struct TensorDifference {
  std::string name;
  std::string what;  // "values", "shape", "dtype", "only in A", "only in B"
  std::string a;     // "float32 [4, 8]"
  std::string b;
  ElementDifference elements;  // for "values"
};

struct Comparison {
  bool identical = true;
  std::vector<Difference> differences;
  // Runs.
  std::int64_t num_equal_steps = 0;          // from the beginning
  std::optional<StepPair> first_difference;  // any field of the log
  std::optional<StepPair> first_root;        // first step whose root differs
  std::optional<StepPair> last_common;       // newest step that both have
  // Where the logs differ.
  std::optional<std::pair<logs::RunSpikes, logs::RunSpikes>> spikes;
  // States and tensor files.
  std::vector<TensorDifference> tensors;
  std::uint64_t num_equal_tensors = 0;
  // Folders.
  std::uint64_t num_equal_files = 0;
};

// An object's manifest with the store that holds what it refers to.
template <class Manifest>
struct Stored {
  const artifacts::Store& store;
  const Manifest& manifest;
};

Comparison compare_configs(const manifests::Config& a, const manifests::Config& b);
Comparison compare_datasets(const manifests::Dataset& a, const manifests::Dataset& b);
Comparison compare_runs(const Stored<manifests::Run>& a, const Stored<manifests::Run>& b);
// `tensor`: only the tensor of that name; "" for all.
Comparison compare_states(const Stored<manifests::State>& a, const Stored<manifests::State>& b,
                          const std::string& tensor);
// Two files or two folders, by relative path and digest; *.safetensors by tensor. Symlinks are
// compared as links, not followed. Error(not_found); Error(invalid_argument) for a file against a
// folder.
Comparison compare_paths(FileSystem& files, const std::string& a, const std::string& b);

}  // namespace repro::verify
