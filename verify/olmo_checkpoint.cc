#include "verify/olmo_checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "manifests/recipe.h"

namespace repro::verify {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{4} << 20;
constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{64} << 20;
constexpr std::size_t kPieceBytes = std::size_t{8} << 20;
constexpr std::int64_t kMaxWidth = std::int64_t{1} << 30;
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::string_view kTensorSuffix = ".safetensors";

bool is_payload(std::string_view name) {
  return name.ends_with(kTensorSuffix) || name.ends_with(".pt") || name.ends_with(".bin");
}

manifests::ModelConfig read_model_config(std::string_view text, const std::string& path) {
  const Json json = parse_json(text, path, kMaxConfigBytes);
  const auto number = [&](const char* key, std::int64_t high) {
    const std::int64_t value = json_int(json, key, path);
    if (value < 1 || value > high) {
      throw Error(Code::corruption, path + ": " + key + " is " + std::to_string(value));
    }
    return value;
  };
  if (json_string(json, "model_type", path) != "olmo2") {
    throw Error(Code::mismatch, path + ": model_type is not olmo2");
  }
  manifests::ModelConfig model;
  model.hidden_size = number("hidden_size", kMaxWidth);
  model.num_layers = number("num_hidden_layers", kMaxLayers);
  model.num_heads = number("num_attention_heads", kMaxWidth);
  model.num_kv_heads = json.contains("num_key_value_heads")
                           ? number("num_key_value_heads", kMaxWidth)
                           : model.num_heads;
  model.intermediate_size = number("intermediate_size", kMaxWidth);
  model.vocab_size = number("vocab_size", kMaxWidth);
  if (model.hidden_size % model.num_heads != 0 || model.num_heads % model.num_kv_heads != 0) {
    throw Error(Code::corruption, path + ": heads do not divide the width, or each other");
  }
  return model;
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
    attempt("config.json", [&](const std::string& path) {
      result_.model = read_model_config(files_.read_file(path, kMaxConfigBytes), path);
    });
    for (const auto& [name, size] : sizes_) {
      if (name.ends_with(kTensorSuffix))
        attempt(name, [&](const auto& path) { read_header(path); });
    }
    attempt(std::string(kIndex), [&](const std::string& path) { check_index(path); });
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

  // Another version of the trainer may have other keys: that is no fault of the checkpoint.
  void read_run(const std::string& path) {
    try {
      result_.run = read_olmo_run(path, files_.read_file(path, kMaxConfigBytes));
      result_.tokens_per_step = result_.run->tokens_per_step();
    } catch (const Error& error) {
      if (error.code() == Code::io) throw;
      add(Severity::warning, path, std::string("is not understood: ") + error.what());
    }
  }

  void read_header(const std::string& path) {
    const auto mapping = files_.map(path);
    const auto header = artifacts::parse_safetensors(mapping->bytes(), path);
    for (const auto& tensor : header.tensors) {
      const auto [place, fresh] = result_.tensors.try_emplace(
          tensor.name, OlmoCheckpoint::Tensor{tensor, path, header.data_offset + tensor.begin});
      if (fresh) continue;
      add(Severity::mismatch, path,
          "tensor " + tensor.name + " is also in " + base_name(place->second.file));
    }
  }

  void check_index(const std::string& path) {
    const Json json = parse_json(files_.read_file(path, kMaxIndexBytes), path, kMaxIndexBytes);
    const Json& map = json_object(json, "weight_map", path);
    for (const auto& [name, file] : map.items()) {
      const std::string shard = json_string(map, name, path);
      const auto found = result_.tensors.find(name);
      if (shard.find('/') != std::string::npos || shard.starts_with('.')) {
        add(Severity::mismatch, path, "tensor " + name + " is said to lie outside the folder");
      } else if (found == result_.tensors.end()) {
        add(Severity::mismatch, path, "tensor " + name + " is not in the folder's files");
      } else if (base_name(found->second.file) != shard) {
        add(Severity::mismatch, path,
            "tensor " + name + " is said to lie in " + shard + ", and lies in " +
                base_name(found->second.file));
      }
    }
    for (const auto& [name, tensor] : result_.tensors) {
      if (map.contains(name)) continue;
      add(Severity::mismatch, path, "tensor " + name + " is not in the index");
    }
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
           name.ends_with(kTensorSuffix);
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
