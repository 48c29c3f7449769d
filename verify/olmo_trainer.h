// What the old trainer wrote beside config.yaml: model.pt, optim.pt (or their safetensors twins)
// and train.pt, read by the unpickler that executes nothing (imports/pickle.h). Internal to
// verify/olmo_checkpoint.cc.
#pragma once

#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "verify/finding.h"
#include "verify/olmo_checkpoint.h"

namespace repro::verify {

// Names of the folder that are such files, in the order in which they are looked for; a
// model.safetensors may also be Hugging Face's, which only its keys tell.
struct OlmoTrainerFiles {
  std::string model;      // "" where there is none
  std::string optimizer;  // "optim.safetensors", "optim.pt", ""
  std::string trainer;    // "train.pt", "other.pt", ""
};

// Fills `originals`, `counters`, `optimizer_step` and `rates` of `checkpoint`, whose path and
// configurations are read already. What is no such file becomes a finding of corruption, tensors
// that are not the model's one of mismatch.
void read_olmo_trainer(FileSystem& files, const OlmoTrainerFiles& names, OlmoCheckpoint& checkpoint,
                       std::vector<Finding>& findings);

}  // namespace repro::verify
