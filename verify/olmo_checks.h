// The table of what is checked of somebody else's OLMo checkpoints. A check names the evidence it
// needs; where that is missing it is listed as not checked. To add one, add what it needs to
// OlmoCheckpoint and `Evidence`, and a row to a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "verify/finding.h"
#include "verify/olmo_checkpoint.h"

namespace repro::verify {

// Bits of what a checkpoint brings along.
enum Evidence : unsigned {
  kName = 1,           // a folder's name with a step
  kTokenName = 2,      // ... and with tokens
  kTokensPerStep = 4,  // a batch, of config.yaml or of a released model's shape
  kRun = 8,            // config.yaml
  kZeroRate = 16,      // ... whose learning rate is 0 after this step
  kRunModel = 32,      // ... and its shape
  kModel = 64,         // config.json
  kTensors = 128,      // safetensors
  kPayloads = 256,     // files of weights, whatever the format
  kWeights = 512,      // safetensors, or model.pt or its twin with a model
  kCounters = 1024,    // train.pt with a step
  kUpdates = 2048,     // optim.pt or its twin, beside a model
  kRates = 4096,       // optim.pt with learning rates
  kSchedule = 8192,    // config.yaml with a schedule
};
unsigned evidence_of(const OlmoCheckpoint& checkpoint);

// A check of one checkpoint alone.
struct OlmoCheck {
  std::string_view claim;  // what holds where nothing is found
  std::string_view needs;  // the evidence in words
  unsigned evidence = 0;
  void (*run)(const OlmoCheckpoint& checkpoint, std::vector<Finding>& findings) = nullptr;
};
std::span<const OlmoCheck> olmo_checks();

// A check of those checkpoints of one folder that have the evidence, by step. Returns how many it
// could look at; 0 where it had nothing to compare.
struct OlmoSeriesCheck {
  std::string_view claim;
  std::string_view needs;
  unsigned evidence = 0;
  std::size_t (*run)(FileSystem& files, std::span<const OlmoCheckpoint* const> checkpoints,
                     std::vector<Finding>& findings) = nullptr;
};
std::span<const OlmoSeriesCheck> olmo_series_checks();

// What no file of the release decides, with the reason (docs/verify-olmo2.md); `released`:
// "olmo2-7b", or "" where the model is none of the released ones.
std::vector<std::string> olmo_unverifiable(std::string_view released);

}  // namespace repro::verify
