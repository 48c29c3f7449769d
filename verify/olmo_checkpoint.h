// A checkpoint of somebody else's OLMo run as it lies on disk: what its folder's name, its
// config.yaml (old trainer) and its config.json and safetensors (Hugging Face) say. Read once,
// bounded, nothing executed; pickles (*.pt) are hashed, not opened.
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
  std::map<std::string, Tensor> tensors;        // of all safetensors files
  std::map<std::string, Digest> payloads;       // by file name: *.safetensors, *.pt, *.bin

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
