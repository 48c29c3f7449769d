#include "verify/olmo_checkpoint.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "artifacts/base/error.h"
#include "imports/hf_config.h"
#include "imports/hf_index.h"
#include "imports/stored_tensors.h"
#include "manifests/recipe.h"
#include "verify/olmo_trainer.h"

namespace repro::verify {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{64} << 20;
constexpr std::size_t kPieceBytes = std::size_t{8} << 20;
constexpr std::string_view kTensorSuffix = ".safetensors";

bool is_payload(std::string_view name) {
  return name.ends_with(kTensorSuffix) || name.ends_with(".pt") || name.ends_with(".bin");
}

class Reader {
 public:
  Reader(FileSystem& files, const std::string& folder, const Progress& progress,
         std::vector<Finding>& findings)
      : files_(files), progress_(progress), findings_(findings) {
    result_.path = folder;
    result_.label = base_name(absolute_path(folder));
    result_.name = find_olmo_name(result_.label);
  }

  OlmoCheckpoint read() {
    for (const std::string& name : files_.list(result_.path)) {
      const auto status = files_.find_status(in_folder(name));
      if (status && status->kind == FileKind::regular) sizes_[name] = status->size;
    }
    attempt("config.yaml", [&](const std::string& path) { read_run(path); });
    attempt("config.json", [&](const std::string& path) { read_model(path); });
    for (const auto& sized : sizes_) {
      const std::string& name = sized.first;  // clang 14 captures no structured bindings
      if (!name.ends_with(kTensorSuffix)) continue;
      attempt(name, [&](const auto& path) { read_header(name, path); });
    }
    attempt(index_, [&](const std::string& path) { check_index(path); });
    read_trainer();
    hash_payloads();
    return std::move(result_);
  }

 private:
  std::string in_folder(const std::string& name) const { return join_path(result_.path, name); }

  void add(Severity severity, const std::string& path, std::string message) {
    findings_.push_back({severity, "checkpoint", path, "", {}, std::move(message)});
  }

  template <class Read>
  void attempt(const std::string& name, const Read& read) {
    if (!sizes_.contains(name)) return;
    try {
      read(in_folder(name));
    } catch (const Error& error) {
      findings_.push_back(finding_of(error, "checkpoint", in_folder(name)));
    }
  }

  // Another version of a program may have other keys: that is no fault of the checkpoint.
  void read_model(const std::string& path) {
    try {
      result_.model = imports::parse_hf_config(files_.read_file(path, kMaxConfigBytes), path).model;
    } catch (const Error& error) {
      if (error.code() != Code::unsupported) throw;
      add(Severity::warning, path, std::string("is not understood: ") + error.what());
    }
  }

  void read_run(const std::string& path) {
    try {
      result_.run = read_olmo_run(path, files_.read_file(path, kMaxConfigBytes));
      result_.tokens_per_step = result_.run->tokens_per_step();
    } catch (const Error& error) {
      if (error.code() == Code::io) throw;
      add(Severity::warning, path, std::string("is not understood: ") + error.what());
    }
  }

  // The old trainer's file of this name is read as one; its optimizer's twin holds no weights.
  void read_header(const std::string& name, const std::string& path) {
    const auto file = files_.open(path, OpenMode::read);
    auto header = artifacts::read_safetensors_header(*file, path);
    if (imports::is_safetensors_twin(header)) {
      has_twin_ = has_twin_ || name == imports::kHfWeightsName;
      return;
    }
    for (const auto& tensor : header.tensors) {
      const auto [place, fresh] = result_.tensors.try_emplace(
          tensor.name, OlmoCheckpoint::Tensor{tensor, path, header.data_offset + tensor.begin});
      if (fresh || sizes_.contains(index_)) continue;
      add(Severity::mismatch, path,
          "tensor " + tensor.name + " is also in " + base_name(place->second.file));
    }
    shards_.push_back({name, std::move(header.tensors)});
  }

  void check_index(const std::string& path) {
    const imports::HfIndex index =
        imports::parse_hf_index(files_.read_file(path, kMaxIndexBytes), path);
    for (std::string& fault : imports::find_hf_index_faults(index, shards_)) {
      add(Severity::mismatch, path, std::move(fault));
    }
  }

  std::string first_of(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (sizes_.contains(name)) return name;
    }
    return "";
  }

  void read_trainer() {
    OlmoTrainerFiles names;
    names.model = has_twin_ ? std::string(imports::kHfWeightsName) : first_of({"model.pt"});
    names.optimizer = first_of({"optim.safetensors", "optim.pt"});
    names.trainer = first_of({"train.pt", "other.pt"});
    read_olmo_trainer(files_, names, result_, findings_);
  }

  void hash_payloads() {
    std::uint64_t total = 0;
    for (const auto& [name, size] : sizes_) total += is_payload(name) ? size : 0;
    std::uint64_t done = 0;
    std::vector<std::byte> piece(kPieceBytes);
    for (const auto& [name, size] : sizes_) {
      if (!is_payload(name)) continue;
      const auto file = files_.open(in_folder(name), OpenMode::read);
      Sha256 hasher;
      while (const std::size_t count = file->read(piece)) {
        hasher.update(std::span(piece).first(count));
        done += count;
        if (progress_) progress_(std::min(done, total), total);
      }
      result_.payloads[name] = hasher.finish();
    }
  }

  FileSystem& files_;
  const Progress& progress_;
  std::vector<Finding>& findings_;
  std::map<std::string, std::uint64_t> sizes_;  // regular files; symlinks are not followed
  std::vector<imports::HfShard> shards_;
  const std::string index_{imports::kHfIndexName};
  bool has_twin_ = false;  // model.safetensors is the old trainer's
  OlmoCheckpoint result_;
};

bool same_shape(const manifests::ModelConfig& a, const manifests::ModelConfig& b) {
  return a.hidden_size == b.hidden_size && a.num_layers == b.num_layers &&
         a.num_heads == b.num_heads && a.num_kv_heads == b.num_kv_heads &&
         a.intermediate_size == b.intermediate_size && a.vocab_size == b.vocab_size;
}

std::optional<manifests::Config> find_released(const manifests::ModelConfig& model) {
  for (const char* name : {"olmo2-1b", "olmo2-7b", "olmo2-13b", "olmo2-32b"}) {
    const manifests::BuiltinRecipe* recipe = manifests::find_builtin_recipe(name);
    REPRO_CHECK(recipe != nullptr);
    const manifests::RecipeLayer layer{name, std::string(recipe->yaml)};
    manifests::Config config = manifests::resolve_recipe({&layer, 1}, {});
    if (same_shape(config.model, model)) return config;
  }
  return std::nullopt;
}

}  // namespace

bool is_olmo_checkpoint(FileSystem& files, const std::string& folder) {
  const std::vector<std::string> names = files.list(folder);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name == "config.yaml" || name == "config.json" || name == "model.pt" ||
           name == "train.pt" || name.ends_with(kTensorSuffix);
  });
}

OlmoCheckpoint read_olmo_checkpoint(FileSystem& files, const std::string& folder,
                                    const Progress& progress, std::vector<Finding>& findings) {
  OlmoCheckpoint result = Reader(files, folder, progress, findings).read();
  if (result.tokens_per_step == 0 && result.model) {
    if (const auto config = find_released(*result.model)) {
      result.tokens_per_step = config->train.batch_size * config->data.sequence_length;
    }
  }
  return result;
}

std::string released_model(const manifests::ModelConfig& model) {
  const auto config = find_released(model);
  return config ? config->name : "";
}

}  // namespace repro::verify
