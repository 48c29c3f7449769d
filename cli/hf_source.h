// A Hugging Face folder of an Olmo2ForCausalLM, as it is read for an import: model.safetensors, or
// shards with their index; config.json; generation_config.json and tokenizer.json where they are
// there. All of it is hostile until checked: files must be regular files of this folder (symlinks
// are not followed) and stay as they are, sizes are capped, and tensors must be those of the
// configuration. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "imports/hf_config.h"
#include "imports/hf_index.h"
#include "manifests/model.h"
#include "manifests/shape_check.h"

namespace repro::cli {

class HfSource {
 public:
  // Reads all but the weights, and the headers of their files. Errors: those of
  // imports/hf_config.h, imports/hf_index.h and artifacts/tensor/safetensors.h, each naming the
  // file; Error(corruption) listing tensors that are missing, extra or mis-shaped; Error(not_found)
  // and Error(unsupported) for files and dtypes.
  HfSource(FileSystem& files, std::string folder);

  const imports::HfConfig& config() const { return config_; }
  const std::string& tokenizer() const { return tokenizer_; }  // tokenizer.json; "": not there
  // "float32", "bfloat16" or "float16"; "mixed" where they differ.
  std::string dtype() const;
  // Of all weights as float32.
  std::uint64_t model_bytes() const;
  // Names in the folder that are not looked at.
  std::vector<std::string> others() const;

  // One pass over all files, of which one tensor is in memory at a time. `sink` is given each as
  // float32 (valid during the call); it may be empty. Returns the files with their SHA-256, in path
  // order, for the origin of the model. Error(conflict) where a file changes meanwhile.
  using Sink = std::function<void(const manifests::NamedShape&, std::span<const std::byte>)>;
  std::vector<manifests::ModelFile> read(const Sink& sink) const;

 private:
  struct Text {
    std::string name;
    std::string bytes;
  };

  std::string path(std::string_view name) const { return join_path(folder_, name); }
  FileStatus require_file(std::string_view name) const;
  bool has(std::string_view name) const { return files_.exists(path(name)); }
  std::string take_text(const std::string& name, std::uint64_t max_bytes);
  std::vector<std::string> find_weight_files();
  void read_headers(const std::vector<std::string>& names);
  void check_tensors() const;
  manifests::ModelFile read_shard(std::size_t number, const Sink& sink) const;

  FileSystem& files_;
  std::string folder_;
  std::vector<Text> texts_;  // as they were read
  imports::HfConfig config_;
  std::string tokenizer_;
  std::vector<imports::HfShard> shards_;
  std::vector<FileStatus> statuses_;  // of the shards, when their headers were read
};

}  // namespace repro::cli
