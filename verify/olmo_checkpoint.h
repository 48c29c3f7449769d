// A checkpoint of somebody else's OLMo run as it lies on disk: what its folder's name, the files of
// the old trainer (config.yaml, model.pt, optim.pt, train.pt) and those of Hugging Face
// (config.json, safetensors) say. Read once, bounded, nothing executed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/base/digest.h"
#include "artifacts/base/file_system.h"
#include "artifacts/tensor/safetensors.h"
#include "imports/olmo_checkpoint.h"
#include "manifests/model_config.h"
#include "verify/finding.h"
#include "verify/fsck.h"
#include "verify/olmo_name.h"
#include "verify/olmo_run.h"

namespace repro::verify {

struct OlmoCheckpoint {
  struct Tensor {
    artifacts::TensorInfo info;
    std::string file;          // its path
    std::uint64_t offset = 0;  // of the first byte in it
  };

  std::string path;
  std::string label;  // base name, for messages
  std::optional<OlmoName> name;
  std::optional<OlmoRun> run;                   // config.yaml
  std::optional<manifests::ModelConfig> model;  // config.json
  using Tensors = std::map<std::string, Tensor>;
  Tensors tensors;  // of Hugging Face's safetensors files
  // Of model.pt or its twin, split as the importer splits them, by Hugging Face's names. Empty
  // where the model is in neither configuration.
  Tensors originals;
  std::optional<imports::OlmoCounters> counters;  // train.pt
  std::optional<std::int64_t> optimizer_step;     // optim.pt or its twin, beside a model
  std::vector<double> rates;                      // of the parameter groups in optim.pt
  std::map<std::string, Digest> payloads;         // by file name: *.safetensors, *.pt, *.bin

  // In whichever form they are there; Hugging Face's where both are.
  const Tensors& weights() const { return tensors.empty() ? originals : tensors; }

  // Tokens a step: of config.yaml, else of the released model of this shape; 0: not known.
  std::int64_t tokens_per_step = 0;
};

// Whether `folder` holds a file that only a checkpoint has (config.yaml, config.json, model.pt or
// safetensors).
bool is_olmo_checkpoint(FileSystem& files, const std::string& folder);

// What cannot be read becomes a finding (corruption: not the format that the name of the file says;
// mismatch: files that contradict each other), and the rest is read.
OlmoCheckpoint read_olmo_checkpoint(FileSystem& files, const std::string& folder,
                                    const Progress& progress, std::vector<Finding>& findings);

// The released model of this shape ("olmo2-7b"); "" for another.
std::string released_model(const manifests::ModelConfig& model);

}  // namespace repro::verify
