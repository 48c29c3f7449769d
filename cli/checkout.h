// Writing a state out of the store as files other programs read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/base/digest.h"
#include "cli/context.h"
#include "cli/state_source.h"
#include "manifests/config.h"

namespace repro::cli {

enum class CheckoutFormat : std::uint8_t {
  hf,           // model.safetensors, config.json, generation_config.json: Olmo2ForCausalLM; and
                // tokenizer.json where the data was tokenised by one
  safetensors,  // state.safetensors: weights, moments, counters
  raw,          // NAME.bin each, '/' in names as folders
};
// Error(invalid_argument) with the three names.
CheckoutFormat parse_checkout_format(std::string_view text);

// What of a run's configuration and data a Hugging Face folder tells.
struct HfFacts {
  manifests::Config config;
  std::optional<std::int64_t> end_of_text;  // id, where the tokenizer has one
  std::optional<Digest> tokenizer_file;     // tokenizer.json, where there is one
};
// Error(unsupported) for a model that Olmo2ForCausalLM cannot express: another norm placement, or
// none of queries and keys.
void check_hf_model(const manifests::ModelConfig& model);
// Keys and values of config.json and generation_config.json as of transformers' Olmo2Config.
std::string hf_config(const HfFacts& facts);
std::string hf_generation_config(const HfFacts& facts);

// Makes `folder` with the state's files and repro-state.json (the state manifest, which `verify`
// checks them against). Written beside it and renamed, so it appears complete or not at all.
// Error(already_exists) for a folder that is not empty. `hf` is needed for that format alone.
void write_checkout(Context& context, const StateSource& source, CheckoutFormat format,
                    const std::optional<HfFacts>& hf, const std::string& folder);

}  // namespace repro::cli
