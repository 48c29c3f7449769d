#include "cli/olmo_folder.h"

#include <string_view>
#include <utility>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "imports/olmo_config.h"
#include "imports/stored_tensors.h"

namespace repro::cli {
namespace {

constexpr const char* kConfig = "config.yaml";
// The length of an epoch decides the schedule of a recipe, and nothing of a model.
constexpr std::int64_t kAnyNumberOfInstances = std::int64_t{1} << 40;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

OlmoFolder::OlmoFolder(FileSystem& files, std::string folder)
    : files_(files), folder_(std::move(folder)) {
  imports::OlmoOptions options;
  options.num_instances = kAnyNumberOfInstances;
  const std::string path = join_path(folder_, kConfig);
  config_ = imports::import_olmo_config(path, text_of(open(kConfig)), options).config;
  read_model();
  read_optimizer();
  read_trainer();
}

std::span<const std::byte> OlmoFolder::open(const std::string& name) {
  const std::string path = join_path(folder_, name);
  const auto status = files_.find_status(path);
  if (!status) {
    throw Error(Code::not_found, path + " is not there",
                "a checkpoint of OLMo's trainer has config.yaml and model.pt or model.safetensors");
  }
  if (status->kind != FileKind::regular) {
    throw Error(Code::invalid_argument, path + " is no regular file",
                "symlinks are not followed; copy the file there");
  }
  Opened& opened = opened_[name];
  opened.status = *status;
  opened.mapping = files_.map(path);
  return opened.mapping->bytes();
}

std::string OlmoFolder::find_either(const std::string& stem) const {
  for (const char* ending : {".safetensors", ".pt"}) {
    if (files_.exists(join_path(folder_, stem + ending))) return stem + ending;
  }
  return "";
}

void OlmoFolder::read_model() {
  const std::string name = find_either("model");
  if (name.empty()) {
    const bool sharded = files_.exists(join_path(folder_, "model_and_optim"));
    throw Error(Code::not_found, folder_ + " has neither model.pt nor model.safetensors",
                sharded ? "it is sharded; unshard it with OLMo's scripts/unshard.py"
                        : "name a folder that OLMo's trainer wrote (stepN-unsharded)");
  }
  const std::string path = join_path(folder_, name);
  const auto bytes = open(name);
  checkpoint_.emplace(config_.model, imports::read_stored_tensors(bytes, path), path);
}

void OlmoFolder::read_optimizer() {
  const std::string name = find_either("optim");
  if (name.empty()) return;
  const std::string path = join_path(folder_, name);
  const imports::OlmoOptimizer optimizer = imports::read_optimizer(open(name), path);
  checkpoint_->add_optimizer(optimizer.tensors, optimizer.names, path);
}

void OlmoFolder::read_trainer() {
  for (const char* name : {"train.pt", "other.pt"}) {
    const std::string path = join_path(folder_, name);
    if (!files_.exists(path)) continue;
    counters_ = imports::read_counters(imports::TorchFile(open(name), path).pickle());
    return;
  }
}

std::vector<manifests::ModelFile> OlmoFolder::digests() const {
  std::vector<manifests::ModelFile> list;
  for (const auto& [name, opened] : opened_) {
    const auto bytes = opened.mapping->bytes();
    list.push_back({name, sha256(bytes), static_cast<std::int64_t>(bytes.size())});
  }
  return list;
}

void OlmoFolder::check_unchanged() const {
  for (const auto& [name, opened] : opened_) {
    const std::string path = join_path(folder_, name);
    if (files_.find_status(path) == opened.status) continue;
    throw Error(Code::conflict, path + " changed while it was read");
  }
}

std::vector<std::string> OlmoFolder::others() const {
  std::vector<std::string> names;
  for (const std::string& name : files_.list(folder_)) {
    if (!opened_.contains(name)) names.push_back(name);
  }
  return names;
}

}  // namespace repro::cli
