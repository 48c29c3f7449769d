// A checkpoint folder of OLMo's old trainer, opened for an import: config.yaml, the model, and
// where they are there the optimizer and the trainer's counters. All of it is hostile until
// checked: files must be regular files of this folder (symlinks are not followed) and stay as they
// are. One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "imports/olmo_checkpoint.h"
#include "manifests/config.h"
#include "manifests/model.h"

namespace repro::cli {

class OlmoFolder {
 public:
  // Maps and checks all files. Errors: those of imports/olmo_config.h, imports/stored_tensors.h and
  // imports/olmo_checkpoint.h, each naming the file; Error(not_found) for a folder without
  // config.yaml or a model.
  OlmoFolder(FileSystem& files, std::string folder);

  const manifests::Config& config() const { return config_; }
  const imports::OlmoCheckpoint& checkpoint() const { return *checkpoint_; }
  const imports::OlmoCounters& counters() const { return counters_; }

  // SHA-256 of every file that was read, in path order.
  std::vector<manifests::ModelFile> digests() const;
  // Error(conflict) where a file changed since it was opened.
  void check_unchanged() const;
  // Names in the folder that are not looked at.
  std::vector<std::string> others() const;

 private:
  struct Opened {
    FileStatus status;
    std::unique_ptr<Mapping> mapping;
  };

  std::span<const std::byte> open(const std::string& name);
  // "model.safetensors" before "model.pt", as the trainer does; "" where there is neither.
  std::string find_either(const std::string& stem) const;
  void read_model();
  void read_optimizer();
  void read_trainer();

  FileSystem& files_;
  std::string folder_;
  std::map<std::string, Opened> opened_;
  manifests::Config config_;
  std::optional<imports::OlmoCheckpoint> checkpoint_;
  imports::OlmoCounters counters_;
};

}  // namespace repro::cli
