// Weights of the store as a Hugging Face folder of an Olmo2ForCausalLM: `export hf`, and
// `checkout --format hf`. The same state and options give the same bytes.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"
#include "cli/draft_folder.h"
#include "cli/resolve.h"
#include "cli/state_source.h"
#include "imports/hf_config.h"
#include "manifests/state.h"

namespace repro::cli {

// What a folder tells beside the weights.
struct HfFacts {
  imports::HfConfig config;
  std::string tokenizer;          // text of tokenizer.json, "" where there is none
  std::string dtype = "float32";  // of the weights as they were published, or trained
};
// Of the model, or of the configuration under which a run made the state; a state named by tag or
// digest may be of any run or model. Error(not_found) where none of the store has it.
HfFacts find_hf_facts(Context& context, const Resolved& resolved, const manifests::State& state);

struct HfOptions {
  std::string dtype = "float32";  // or "bfloat16"
  std::uint64_t shard_bytes = 0;  // several files, of at most so many bytes of tensors; 0: one file
};
// What became of the numbers.
struct HfWritten {
  std::int64_t files = 0;     // of weights
  std::uint64_t rounded = 0;  // weights that are no longer the same
};
// Writes, into folder `prefix` of the draft ("": itself): the weights in one file or in shards with
// their index, config.json, generation_config.json, tokenizer.json where there is one, and in
// float32 repro-state.json, against which `verify` checks the folder.
HfWritten write_hf_files(DraftFolder& draft, const std::string& prefix, const StateSource& source,
                         const HfFacts& facts, const HfOptions& options);

}  // namespace repro::cli
