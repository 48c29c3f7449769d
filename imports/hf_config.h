// config.json of a Hugging Face folder that holds an Olmo2ForCausalLM: what it says of the model,
// read strictly and written canonically. Source: transformers, configuration_olmo2.py.
//
// A key that would change what the model computes and that is not computed here is refused by name
// and value, and so is a key that is not known: silence would be another model. Where a key is
// left out, transformers puts a default of its class in its place (50304 ids, 2048 positions, ...);
// those that decide the model's shape must be there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "manifests/model_config.h"

namespace repro::imports {

struct HfConfig {
  manifests::ModelConfig model;
  std::int64_t positions = 0;  // max_position_embeddings
  // Ids below vocab_size; none where the file says null or nothing.
  std::optional<std::int64_t> begin_of_text;  // bos_token_id
  std::optional<std::int64_t> end_of_text;    // eos_token_id
  std::optional<std::int64_t> padding;        // pad_token_id

  bool operator==(const HfConfig&) const = default;
};

// `what` names the file in errors. Error(unsupported) for what is not computed here;
// Error(invalid_argument) for broken JSON, missing keys and values that no model can have.
HfConfig parse_hf_config(std::string_view text, const std::string& what);

// Keys and values as transformers 4 and 5 read them; `dtype`: that of the weights beside it.
// parse_hf_config is its inverse. Error(unsupported) for a model that transformers' class does not
// compute: another place of the norms, or no norm of queries and keys.
std::string encode_hf_config(const HfConfig& config, std::string_view dtype);
std::string encode_hf_generation_config(const HfConfig& config);

}  // namespace repro::imports
