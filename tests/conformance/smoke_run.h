// Runs a recipe's smoke size in this process and tells the final roots; the base of the determinism
// matrix.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "artifacts/store/store.h"
#include "manifests/config.h"
#include "manifests/dataset.h"
#include "manifests/recipe.h"
#include "train/device/device.h"
#include "train/engine/state_io.h"

namespace repro::train {

// Which machine computes: run.device.
enum class Where : std::uint8_t { cpu, device };

// One way to compute the same thing.
struct Variant {
  int threads = 1;
  std::string kernels = "auto";
  std::int64_t micro_batch = 1;
  std::int64_t padding = 0;  // masked positions after every sequence
  bool recompute = false;
  std::int64_t resume_at = 0;  // stop, store the state, and go on from the store; 0: never
  Where begin = Where::cpu;
  Where end = Where::cpu;  // after resuming
  std::function<std::unique_ptr<Device>()> make_device = nullptr;

  std::string text() const;
};

// The recipe's smoke config with `overrides`, and its dataset ingested into `store`.
struct SmokeInputs {
  manifests::Config config;
  manifests::Dataset dataset;
};
SmokeInputs smoke_inputs(const std::string& recipe, artifacts::Store& store,
                         const std::vector<manifests::Override>& overrides = {});
// byte/1 of these texts, document by document. Leaves them as files beside the store.
manifests::Dataset ingest_texts(const std::vector<std::string>& texts, artifacts::Store& store);

struct SmokeResult {
  Roots roots;
  std::string log_head;  // chain value after the last line
  std::int64_t first_loss = 0;
  std::int64_t last_loss = 0;
};
SmokeResult run_smoke(const SmokeInputs& inputs, artifacts::Store& store, const Variant& variant);

}  // namespace repro::train
