// Weights of a Hugging Face folder that are dealt to several safetensors files:
// model.safetensors.index.json and the names of its shards. Source: huggingface_hub,
// serialization/_base.py and _torch.py. Text in, text out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/tensor/safetensors.h"

namespace repro::imports {

inline constexpr std::string_view kHfIndexName = "model.safetensors.index.json";
inline constexpr std::string_view kHfWeightsName = "model.safetensors";

struct HfIndex {
  std::map<std::string, std::string> weight_map;  // tensor -> shard
  std::vector<std::string> shards;                // in name order, each once
  std::optional<std::uint64_t> total_size;        // bytes of all tensors
};

// A shard is a plain file name of [A-Za-z0-9._-] that ends in ".safetensors": a path out of the
// folder cannot be written. `what` names the file. Error(invalid_argument) for broken JSON or a key
// that stands there twice; Error(corruption) for unknown keys and such names.
HfIndex parse_hf_index(std::string_view text, const std::string& what);

// The tensors that a file really holds.
struct HfShard {
  std::string name;
  std::vector<artifacts::TensorInfo> tensors;
};
// What does not fit: every tensor lies in the shard that the index names, and in no other;
// total_size is true. Continuations of the index's name: "does not name tensor a of 1.safetensors".
// The first 20 of a kind, and how many more there are.
std::vector<std::string> find_hf_index_faults(const HfIndex& index,
                                              std::span<const HfShard> shards);
// Error(corruption) with the first of them. `what` names the file.
void check_hf_index(const HfIndex& index, std::span<const HfShard> shards, const std::string& what);

// How tensors are dealt to files: in their order, a new file where `max_bytes` would be exceeded (a
// larger tensor has one of its own); 0: one file. Names: "model.safetensors", or
// "model-00001-of-00003.safetensors" and so on.
struct SizedTensor {
  std::string name;
  std::uint64_t bytes = 0;
};
struct HfPlan {
  struct File {
    std::string name;
    std::vector<std::string> tensors;
  };
  std::vector<File> files;
  std::string index;  // text of kHfIndexName; "" for one file
};
HfPlan plan_hf_files(std::span<const SizedTensor> tensors, std::uint64_t max_bytes);

}  // namespace repro::imports
